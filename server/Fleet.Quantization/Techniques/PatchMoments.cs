using System.Numerics;
using System.Numerics.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Writing;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// How the values that a convolution multiplies go together: of each group <c>Σ (x - μ)(x - μ)ᵀ</c> over patches of its input, and
/// their means μ, which are no matter of rounding, for a bias takes them up. Patches are drawn at even distances from every sample; what
/// that costs grows with the square of the values in one.
/// </summary>
internal sealed class PatchMoments
{
    /// <summary>Most values in a patch of a layer without groups: 9 places of 113 channels, or one of 1,024.</summary>
    private const int MostValues = 1024;

    /// <summary>Most sums that a layer takes, and all layers together, which are held at once (16 and 256 MiB).</summary>
    private const long MostOfLayer = 4L << 20, MostOfAll = 64L << 20;

    /// <summary>Patches taken of a layer, from all samples together.</summary>
    private const int Patches = 2048;

    /// <summary>Patches that are counted together.</summary>
    private const int Together = 32;

    private readonly ConvolutionWindow _window;
    private readonly float[][] _sums;
    private readonly float[][] _origins;
    private readonly double[][] _means;
    private readonly int _ofSample;
    private readonly int[] _offsets;
    private readonly float[][] _patches;
    private int _count, _from, _waiting;

    private PatchMoments(ConvolutionWindow window, int samples)
    {
        var values = window.Values;
        (_window, _offsets) = (window, new int[values / window.Channels]);
        _sums = [.. Enumerable.Range(0, window.Groups).Select(_ => new float[values * values])];
        _origins = new float[window.Groups][];
        _means = [.. Enumerable.Range(0, window.Groups).Select(_ => new double[values])];
        _patches = [.. Enumerable.Range(0, window.Groups).Select(_ => new float[Together * values])];
        _ofSample = Math.Max(1, Patches / Math.Max(1, samples));
    }

    /// <summary>Values in a patch of one group.</summary>
    public int Values => _window.Values;

    /// <summary>The means of a group's values, place by place, the channels of each side by side.</summary>
    public double[] MeansOf(int group) => [
        .. _means[group].Select((sum, at) => (_origins[group]?[at] ?? 0) + sum / Math.Max(1, _count)),
    ];

    /// <summary>The sums of a group, row by row, in the order of the means.</summary>
    public float[] OfGroup(int group)
    {
        var (values, own, means) = (Values, _sums[group], _means[group]);
        var centred = new float[own.Length];
        for (var row = 0; row < values; row++)
        {
            for (var column = row; column < values; column++)
                centred[row * values + column] = centred[column * values + row]
                    = (float)(own[row * values + column] - means[row] * means[column] / Math.Max(1, _count));
        }
        return centred;
    }

    /// <summary>The moments of every convolution whose patches are small enough, by its output.</summary>
    /// <param name="graph">The float model.</param>
    /// <param name="layers">Convolutions.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="batchSize">Most samples in one run.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static IReadOnlyDictionary<string, PatchMoments> Run(
        OnnxGraph graph, IEnumerable<WeightedOperator> layers, IFeedSource samples, int batchSize, CancellationToken cancellationToken)
    {
        var moments = new Dictionary<string, PatchMoments>();
        var readers = new Dictionary<string, List<PatchMoments>>();
        var held = 0L;
        foreach (var layer in layers)
        {
            if (ConvolutionWindow.Of(layer) is not { } window || SumsOf(window) is not { } sums || held + sums > MostOfAll) continue;
            held += sums;
            var own = moments[layer.Node.Output[0]] = new PatchMoments(window, samples.Count);
            if (!readers.TryGetValue(layer.Node.Input[0], out var others)) readers[layer.Node.Input[0]] = others = [];
            others.Add(own);
        }
        CalibrationRun.Observe(graph.Model, [.. readers.Keys], samples, batchSize, (name, value) =>
        {
            foreach (var reader in readers[name]) reader.Add(value);
        }, cancellationToken);
        return moments;
    }

    /// <summary>Sums that a layer takes; null where they, or factoring them, would take longer than the layer is worth.</summary>
    private static long? SumsOf(ConvolutionWindow window)
    {
        var sums = (long)window.Values * window.Values * window.Groups;
        return sums <= MostOfLayer && (double)sums * window.Values <= Math.Pow(MostValues, 3) ? sums : null;
    }

    private void Add(OrtValue input)
    {
        var extents = input.GetTensorTypeAndShape().Shape;
        var values = input.GetTensorDataAsSpan<float>();
        if (extents.Length != _window.Rank + 2 || values.IsEmpty) return;
        var (perSample, places) = (values.Length / (int)extents[0], _window.Places(extents));
        if (places == 0) return;
        for (var sample = 0; sample < extents[0]; sample++)
        {
            var own = values.Slice(sample * perSample, perSample);
            var taken = Math.Min(_ofSample, places);
            // Elsewhere in each sample: what lies at the same places of all tells of these places alone.
            for (var i = 0; i < taken; i++)
            {
                var place = (int)(((long)i * places + _from) / taken) % places;
                _window.Locate(extents, place, _offsets);
                for (var group = 0; group < _window.Groups; group++)
                {
                    var patch = _patches[group].AsSpan(_waiting * Values, Values);
                    _window.Read(own, _offsets, group, patch);
                    // Counted from one of them: of a large mean beside a small deviation, single precision would leave nothing.
                    _origins[group] ??= patch.ToArray();
                    TensorPrimitives.Subtract(patch, _origins[group], patch);
                }
                if (++_waiting == Together) CountWaiting();
            }
            _count += taken;
            _from = (_from + places * 5 / 13) % places;
        }
        CountWaiting();
    }

    private void CountWaiting()
    {
        for (var group = 0; group < _window.Groups; group++)
        {
            Count(_patches[group].AsSpan(0, _waiting * Values), Values, _sums[group], _means[group]);
        }
        _waiting = 0;
    }

    /// <summary>
    /// Adds the products of patches: many at once, so that the sums, which are larger than what lies near the processor, are read and
    /// written once for all of them.
    /// </summary>
    private static void Count(ReadOnlySpan<float> patches, int length, Span<float> sums, double[] means)
    {
        for (var row = 0; row < length; row++)
        {
            var (mean, isZero) = (0.0, true);
            for (var at = row; at < patches.Length; at += length)
            {
                mean += patches[at];
                isZero &= patches[at] == 0;
            }
            if (isZero) continue;
            means[row] += mean;
            var rest = sums.Slice(row * length, length);
            var column = row;
            for (; column <= length - 4 * Vector<float>.Count; column += 4 * Vector<float>.Count)
            {
                Span<float> first = rest[column..], second = first[Vector<float>.Count..], third = second[Vector<float>.Count..];
                var fourth = third[Vector<float>.Count..];
                Vector<float> a = new(first), b = new(second), c = new(third), d = new(fourth);
                for (var patch = patches; patch.Length >= length; patch = patch[length..])
                {
                    var factor = new Vector<float>(patch[row]);
                    var other = patch.Slice(column, 4 * Vector<float>.Count);
                    a = Vector.FusedMultiplyAdd(factor, new Vector<float>(other), a);
                    b = Vector.FusedMultiplyAdd(factor, new Vector<float>(other[Vector<float>.Count..]), b);
                    c = Vector.FusedMultiplyAdd(factor, new Vector<float>(other[(2 * Vector<float>.Count)..]), c);
                    d = Vector.FusedMultiplyAdd(factor, new Vector<float>(other[(3 * Vector<float>.Count)..]), d);
                }
                a.CopyTo(first);
                b.CopyTo(second);
                c.CopyTo(third);
                d.CopyTo(fourth);
            }
            for (; column < length; column++)
            {
                var sum = rest[column];
                for (var at = 0; at < patches.Length; at += length)
                    sum = MathF.FusedMultiplyAdd(patches[at + row], patches[at + column], sum);
                rest[column] = sum;
            }
        }
    }
}
