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
    private const int Together = 4;

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
            _patches[group].AsSpan(_waiting * Values).Clear();
            Count(_patches[group], Values, _sums[group], _means[group]);
        }
        _waiting = 0;
    }

    /// <summary>Adds the products of patches: several at once, so that the sums are read and written once for all of them.</summary>
    private static void Count(ReadOnlySpan<float> patches, int length, Span<float> sums, double[] means)
    {
        ReadOnlySpan<float> one = patches[..length], two = patches.Slice(length, length);
        ReadOnlySpan<float> three = patches.Slice(2 * length, length), four = patches.Slice(3 * length, length);
        for (var row = 0; row < length; row++)
        {
            var (a, b, c, d) = (one[row], two[row], three[row], four[row]);
            if (a == 0 && b == 0 && c == 0 && d == 0) continue;
            means[row] += a + b + c + d;
            var rest = sums.Slice(row * length, length);
            var column = row;
            if (length - row >= Vector<float>.Count)
            {
                Vector<float> first = new(a), second = new(b), third = new(c), fourth = new(d);
                for (; column <= length - Vector<float>.Count; column += Vector<float>.Count)
                {
                    var sum = new Vector<float>(rest[column..]) + first * new Vector<float>(one[column..])
                        + second * new Vector<float>(two[column..]) + third * new Vector<float>(three[column..])
                        + fourth * new Vector<float>(four[column..]);
                    sum.CopyTo(rest[column..]);
                }
            }
            for (; column < length; column++)
                rest[column] += a * one[column] + b * two[column] + c * three[column] + d * four[column];
        }
    }
}
