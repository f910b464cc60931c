using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>The bias of a layer where it is written already, so that a model need not be quantized again for each that is moved.</summary>
internal static class WrittenBias
{
    /// <summary>Moves it by a number for each channel, in whatever form it has: integers behind a DequantizeLinear, or float.</summary>
    /// <param name="graph">The quantized model, which is changed.</param>
    /// <param name="written">The layer in it.</param>
    /// <param name="layer">The same in the float model, with its bias if it has one.</param>
    /// <param name="shift">What its output is moved by, channel by channel.</param>
    public static void Move(GraphProto graph, NodeProto written, WeightedOperator layer, double[] shift)
    {
        var bias = layer.Bias?.ToSingles();
        // Gemm's beta may have been multiplied into what was written.
        var beta = written.Is("Gemm") ? written.Float("beta", 1) : 1;
        double[] values = [.. shift.Select((move, channel) => ((bias?[channel] ?? 0) * (double)layer.BiasFactor + move) / beta)];
        if (graph.Node.FirstOrDefault(node => node.Is("DequantizeLinear") && node.Output[0] == written.Input[2]) is { } behind
            && PlaceOf(graph, behind.Input[0]) is { } at && PlaceOf(graph, behind.Input[1]) is { } scaled)
        {
            var (integers, scales) = (graph.Initializer[at], graph.Initializer[scaled].ToSingles());
            graph.Initializer[at] = Tensors.Of(integers.Name,
                [.. values.Select((value, channel) =>
                    (int)Math.Clamp(Math.Round(value / scales[scales.Length == 1 ? 0 : channel]), int.MinValue, int.MaxValue))],
                [.. integers.Dims]);
            return;
        }
        var name = written.Input[2];
        while (PlaceOf(graph, name) is not null || graph.Node.Any(node => node.Output.Contains(name))) name += "_moved";
        graph.Initializer.Add(Tensors.Of(name, [.. values.Select(value => (float)value)], values.Length));
        written.Input[2] = name;
    }

    private static int? PlaceOf(GraphProto graph, string constant)
    {
        for (var at = 0; at < graph.Initializer.Count; at++)
        {
            if (graph.Initializer[at].Name == constant) return at;
        }
        return null;
    }
}
