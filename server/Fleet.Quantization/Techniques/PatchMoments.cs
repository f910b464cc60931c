using System.Numerics.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Writing;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Techniques;

/// <summary>
/// How the values that a convolution multiplies go together: of each group <c>Σ (x - μ)(x - μ)ᵀ</c> over patches of its input. A mean is
/// no matter of rounding, for a bias takes it up. Patches are drawn at even distances from every sample: some hundreds more than a patch has
/// values tell enough, and what that costs grows with the square of these.
/// </summary>
internal sealed class PatchMoments
{
    /// <summary>Most values in a patch: 9 places of 113 channels, or one of 1,024.</summary>
    private const int MostValues = 1024;

    /// <summary>Patches taken of a layer: twice as many as have values, within these.</summary>
    private const int FewestPatches = 512, MostPatches = 2048;

    private readonly ConvolutionWindow _window;
    private readonly float[][] _sums;
    private readonly double[][] _means;
    private readonly int _ofSample;
    private readonly float[] _patch;
    private int _count, _from;

    private PatchMoments(ConvolutionWindow window, int samples)
    {
        var values = window.Values;
        _window = window;
        _sums = [.. Enumerable.Range(0, window.Groups).Select(_ => new float[values * values])];
        _means = [.. Enumerable.Range(0, window.Groups).Select(_ => new double[values])];
        _patch = new float[values];
        _ofSample = Math.Max(1, Math.Clamp(2 * values, FewestPatches, MostPatches) / Math.Max(1, samples));
    }

    /// <summary>Values in a patch of one group.</summary>
    public int Values => _window.Values;

    /// <summary>Those sums of a group, row by row. Values go place by place, the channels of each side by side.</summary>
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
        foreach (var layer in layers)
        {
            if (ConvolutionWindow.Of(layer) is not { } window || window.Values > MostValues) continue;
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
                for (var group = 0; group < _window.Groups; group++)
                {
                    _window.Read(own, extents, place, group, _patch);
                    Count(_sums[group], _means[group]);
                }
            }
            _count += taken;
            _from = (_from + places * 5 / 13) % places;
        }
    }

    private void Count(float[] sums, double[] means)
    {
        var patch = _patch.AsSpan();
        for (var row = 0; row < patch.Length; row++)
        {
            if (patch[row] is not (var value and not 0)) continue;
            means[row] += value;
            var rest = sums.AsSpan(row * patch.Length + row, patch.Length - row);
            TensorPrimitives.MultiplyAdd(patch[row..], value, rest, rest);
        }
    }
}
