using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Schemes;

/// <summary>How much of each output's power is noise when one product alone is rounded, summed over the outputs.</summary>
internal static class OutputNoise
{
    /// <summary>Errors of a layer are alike from sample to sample.</summary>
    private const int MostSamples = 16;

    /// <summary>The noise that each product makes, by its first output.</summary>
    /// <param name="source">The float model and its samples.</param>
    /// <param name="rounded">The rounded weights of the products.</param>
    public static IReadOnlyDictionary<string, double> Of(QuantizationSource source, IReadOnlyDictionary<string, BlockWeights> rounded)
    {
        var graph = source.Model.Graph;
        string[] outputs = [
            .. graph.Graph.Output.Where(output => output.Type?.TensorType?.ElemType == (int)DataType.Float).Select(output => output.Name),
        ];
        var expected = Answers(source.Model.Model, outputs, source);
        var all = MatrixProducts.Of(graph).Select(product => product.Node.Output[0]).ToArray();
        return rounded.ToDictionary(one => one.Key, one =>
        {
            source.Cancellation.ThrowIfCancellationRequested();
            var model = MatrixProducts.Rewrite(graph, all.Where(other => other != one.Key).ToHashSet(), "noise",
                (product, rewriting) => BlockProducts.Write(product, one.Value, rewriting));
            model.Declare(Opsets.Microsoft, 1);
            return Answers(model, outputs, source).Sum(answer => Share(answer.Value, expected[answer.Key]));
        });
    }

    private static Dictionary<string, List<float>> Answers(ModelProto model, string[] outputs, QuantizationSource source)
    {
        var answers = outputs.ToDictionary(output => output, _ => new List<float>());
        CalibrationRun.Observe(model, outputs, new SpreadFeeds(source.Samples!, MostSamples), source.BatchSize,
            (name, value) => answers[name].AddRange(value.GetTensorDataAsSpan<float>()), source.Cancellation);
        return answers;
    }

    private static double Share(List<float> actual, List<float> expected)
    {
        double noise = 0, power = 0;
        for (var i = 0; i < expected.Count; i++)
        {
            noise += Math.Pow((double)actual[i] - expected[i], 2);
            power += Math.Pow(expected[i], 2);
        }
        return power > 0 ? noise / power : 0;
    }
}
