using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Writing;

/// <summary>
/// The first layers of an image network, which are better left in float on x64: the convolution over the image's three channels and
/// the depthwise one behind it. Integer kernels multiply four input channels at a time and many output channels side by side; with
/// three and sixteen they mostly move bytes (UltraFace on AVX512-VNNI: 366 and 161 µs against about 97 and 75 µs in float). And what is
/// rounded here is in everything that follows (UltraFace: 16.0 dB with them, 22.9 dB without).
/// </summary>
internal static class FloatStem
{
    /// <summary>Channels of an image: grey, colour, colour with depth.</summary>
    private const int MostImageChannels = 4;

    /// <summary>The operators by first output; none when the graph does not begin like that.</summary>
    public static IReadOnlySet<string> Of(OnnxGraph graph)
    {
        var stem = new HashSet<string>();
        foreach (var input in graph.Graph.Input)
        {
            foreach (var node in graph.ConsumersOf(input.Name))
            {
                if (WeightedOperator.At(node, graph) is not { Node.OpType: "Conv" } first || first.Weight.Dims[1] > MostImageChannels
                    || first.Weight.Dims.Count != 4)
                    continue;
                stem.Add(node.Output[0]);
                var value = graph.OnlyConsumerOf(node.Output[0]) is { OpType: "Relu" or "Clip" } clamp ? clamp.Output[0] : node.Output[0];
                if (graph.OnlyConsumerOf(value) is { } next && WeightedOperator.At(next, graph) is { Node.OpType: "Conv" } second
                    && next.Int("group", 1) == second.Channels && second.Channels > 1)
                    stem.Add(next.Output[0]);
            }
        }
        return stem;
    }
}
