using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;

namespace Fleet.Quantization.Tests.Models;

/// <summary>
/// One product of 8x256 by 256x32, activations and weights uniform: the largest integers meet often, and a processor that adds two
/// 8-bit products in 16 bits loses what does not fit.
/// </summary>
internal static class SaturatingModel
{
    private const int Rows = 8, Inner = 256, Columns = 32;

    /// <summary>The float model.</summary>
    public static string Float(string folder)
        => Save(folder, "float", graph => graph.Constant(Tensors.Of("w", Weights(), Inner, Columns)).Node("MatMul", ["x", "w"], "y"));

    /// <summary>The same in 8 bits, with unsigned activations and signed weights.</summary>
    public static string SignedWeights(string folder) => Save(folder, "u8s8", graph => Quantized(graph,
        Tensors.Of("wq", (ReadOnlySpan<sbyte>)Array.ConvertAll(Weights(), weight => (sbyte)Math.Clamp(Math.Round(weight * 127), -127, 127)),
            Inner, Columns), Tensors.Of("wz", (ReadOnlySpan<sbyte>)[0])));

    /// <summary>The same with unsigned weights.</summary>
    public static string UnsignedWeights(string folder) => Save(folder, "u8u8", graph => Quantized(graph,
        Tensors.Of("wq", (ReadOnlySpan<byte>)Array.ConvertAll(Weights(),
            weight => (byte)Math.Clamp(Math.Round(weight * 127) + 128, 0, 255)), Inner, Columns),
                Tensors.Of("wz", (ReadOnlySpan<byte>)[128])));

    /// <summary>Samples for it.</summary>
    public static IFeedSource Samples(int count)
    {
        var random = new Random(5);
        float[] values = [.. Enumerable.Range(0, count * Rows * Inner).Select(_ => random.NextSingle() * 2 - 1)];
        return ArrayFeeds.From(new Dictionary<string, NpyArray> { ["x"] = NpyArray.Of(values, count, Rows, Inner) },
            [new ModelInput("x", Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float, [Rows, Inner], ["", ""])], "samples");
    }

    private static float[] Weights()
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, Inner * Columns).Select(_ => random.NextSingle() * 2 - 1)];
    }

    private static void Quantized(GraphBuilder graph, TensorProto weights, TensorProto zeroPoint)
    {
        // The product of 256 uniform pairs stays well within 40.
        graph.Constant(weights).Constant(zeroPoint).Constant(Tensors.Of("ws", [1 / 127f]))
            .Constant(Tensors.Of("xs", [2 / 255f])).Constant(Tensors.Of("xz", (ReadOnlySpan<byte>)[128]))
            .Constant(Tensors.Of("ys", [80 / 255f])).Constant(Tensors.Of("yz", (ReadOnlySpan<byte>)[128]))
            .Node("QuantizeLinear", ["x", "xs", "xz"], "xq").Node("DequantizeLinear", ["xq", "xs", "xz"], "xd")
            .Node("DequantizeLinear", ["wq", "ws", "wz"], "wd").Node("MatMul", ["xd", "wd"], "m")
            .Node("QuantizeLinear", ["m", "ys", "yz"], "yq").Node("DequantizeLinear", ["yq", "ys", "yz"], "y");
    }

    private static string Save(string folder, string name, Action<GraphBuilder> fill)
    {
        var graph = new GraphBuilder().Input("x", Rows, Inner);
        fill(graph);
        var path = Path.Combine(folder, $"{name}.onnx");
        OnnxFile.Save(graph.Output("y", Rows, Columns).Build(), path);
        return path;
    }
}
