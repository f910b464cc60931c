using System.Numerics.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Calibration;

/// <summary>
/// How the channels of an activation go together: <c>Σ x xᵀ</c> over every row of the calibration samples. The runtime multiplies, so that
/// it costs about what the product that reads the activation costs; memory grows with the square of the channels, not with the samples.
/// </summary>
internal static class SecondMoments
{
    /// <summary>Most bytes of sums held at once; of more, the samples are run again for the rest.</summary>
    private const long MostBytes = 512L << 20;

    /// <summary>The sums of each value, row by row.</summary>
    /// <param name="model">The model.</param>
    /// <param name="channels">Values whose last axis counts channels, with how many there are.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="batchSize">Most samples in one run.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    /// <exception cref="InvalidDataException">A value is not finite for a sample; the message names it.</exception>
    public static IEnumerable<(string Value, float[] Sums)> Run(
        ModelProto model, IReadOnlyDictionary<string, int> channels, IFeedSource samples, int batchSize,
        CancellationToken cancellationToken)
    {
        foreach (var group in Groups(channels))
        {
            var sums = group.ToDictionary(value => value, value => new float[channels[value] * channels[value]]);
            var (observed, outputs) = Multiplying(model, group, channels);
            CalibrationRun.Observe(observed, [.. outputs.Keys], samples, batchSize, (name, product) =>
            {
                var sum = sums[outputs[name]].AsSpan();
                TensorPrimitives.Add(sum, product.GetTensorDataAsSpan<float>(), sum);
            }, cancellationToken);
            foreach (var value in group)
            {
                if (!float.IsFinite(TensorPrimitives.SumOfMagnitudes(sums[value])))
                    throw new InvalidDataException(
                        $"Value '{value}' is not a finite number for a calibration sample: look for NaN or infinity in the samples.");
                yield return (value, sums[value]);
            }
        }
    }

    private static IEnumerable<IReadOnlyList<string>> Groups(IReadOnlyDictionary<string, int> channels)
    {
        var (group, bytes) = (new List<string>(), 0L);
        foreach (var (value, count) in channels)
        {
            if (group.Count > 0 && bytes + (long)count * count * sizeof(float) > MostBytes)
            {
                yield return group;
                (group, bytes) = ([], 0);
            }
            group.Add(value);
            bytes += (long)count * count * sizeof(float);
        }
        if (group.Count > 0) yield return group;
    }

    /// <summary>The model with the products of each value with itself, and the value behind each of their names.</summary>
    private static (ModelProto Model, IReadOnlyDictionary<string, string> Outputs) Multiplying(
        ModelProto model, IEnumerable<string> values, IReadOnlyDictionary<string, int> channels)
    {
        var multiplying = model.Clone();
        var taken = new HashSet<string>(new OnnxGraph(model).Names);
        var outputs = new Dictionary<string, string>();
        foreach (var value in values)
        {
            string New() => Nodes.NewName("moment", taken);
            var (shape, rows, turned, product) = (New(), New(), New(), New());
            multiplying.Graph.Initializer.Add(Tensors.Of(shape, [-1L, channels[value]], 2));
            multiplying.Graph.Node.Add(Nodes.Node("Reshape", [value, shape], [rows]));
            multiplying.Graph.Node.Add(Nodes.Node("Transpose", [rows], [turned]).With("perm", [1L, 0L]));
            multiplying.Graph.Node.Add(Nodes.Node("MatMul", [turned, rows], [product]));
            outputs[product] = value;
        }
        return (multiplying, outputs);
    }
}
