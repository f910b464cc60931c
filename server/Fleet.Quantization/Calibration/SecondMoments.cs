using System.Numerics.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Calibration;

/// <summary>
/// How the channels of an activation go together: <c>Σ x xᵀ</c> over every row of the calibration samples. The runtime multiplies, so that
/// it costs about what the product that reads the activation costs; memory grows with the square of the channels, not with the samples. Of
/// wide activations the sums may be of channels within a block alone.
/// </summary>
internal static class SecondMoments
{
    /// <summary>Most bytes of sums held at once; of more, the samples are run again for the rest.</summary>
    private const long MostBytes = 512L << 20;

    /// <summary>The sums of each value, block by block and in it row by row.</summary>
    /// <param name="model">The model.</param>
    /// <param name="channels">Values whose last axis counts channels, with how many there are.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="batchSize">Most samples in one run.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    /// <param name="blockOf">How many channels that lie together make a block, a divisor of those there are; all when left out.</param>
    /// <exception cref="InvalidDataException">A value is not finite for a sample; the message names it.</exception>
    public static IEnumerable<(string Value, float[] Sums)> Run(
        ModelProto model, IReadOnlyDictionary<string, int> channels, IFeedSource samples, int batchSize,
        CancellationToken cancellationToken, Func<int, int>? blockOf = null)
    {
        var blocks = channels.ToDictionary(pair => pair.Key, pair => (All: pair.Value, Own: blockOf?.Invoke(pair.Value) ?? pair.Value));
        foreach (var group in Groups(blocks))
        {
            var sums = group.ToDictionary(value => value, value => new float[blocks[value].All * blocks[value].Own]);
            var (observed, outputs) = Multiplying(model, group, blocks);
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

    private static IEnumerable<IReadOnlyList<string>> Groups(Dictionary<string, (int All, int Own)> blocks)
    {
        var (group, bytes) = (new List<string>(), 0L);
        foreach (var (value, (all, own)) in blocks)
        {
            if (group.Count > 0 && bytes + (long)all * own * sizeof(float) > MostBytes)
            {
                yield return group;
                (group, bytes) = ([], 0);
            }
            group.Add(value);
            bytes += (long)all * own * sizeof(float);
        }
        if (group.Count > 0) yield return group;
    }

    /// <summary>The model with the products of each value with itself, and the value behind each of their names.</summary>
    private static (ModelProto Model, IReadOnlyDictionary<string, string> Outputs) Multiplying(
        ModelProto model, IEnumerable<string> values, Dictionary<string, (int All, int Own)> blocks)
    {
        var multiplying = model.Clone();
        var taken = new HashSet<string>(new OnnxGraph(model).Names);
        var outputs = new Dictionary<string, string>();
        foreach (var value in values)
        {
            string New() => Nodes.NewName("moment", taken);
            var (shape, read, rows, turned, product) = (New(), New(), New(), New(), New());
            var (all, own) = blocks[value];
            multiplying.Graph.Initializer.Add(Tensors.Of(shape, [-1L, all / own, own], 3));
            multiplying.Graph.Node.Add(Nodes.Node("Reshape", [value, shape], [read]));
            multiplying.Graph.Node.Add(Nodes.Node("Transpose", [read], [rows]).With("perm", [1L, 0L, 2L]));
            multiplying.Graph.Node.Add(Nodes.Node("Transpose", [read], [turned]).With("perm", [1L, 2L, 0L]));
            multiplying.Graph.Node.Add(Nodes.Node("MatMul", [turned, rows], [product]));
            outputs[product] = value;
        }
        return (multiplying, outputs);
    }
}
