using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using static TorchSharp.torch;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>The part that reads what a node says of itself.</summary>
internal static partial class GraphOperators
{
    /// <summary>The axes a node names, from the front; without a word those of <paramref name="otherwise"/>.</summary>
    private static long[] Axes(NodeProto node, OnnxGraph graph, int rank, Func<long, bool> otherwise)
        => Constant(node, 1, graph) is { Length: > 0 } named
            ? [.. named.Select(axis => axis < 0 ? axis + rank : axis)]
            : [.. Enumerable.Range(0, rank).Select(axis => (long)axis).Where(otherwise)];

    /// <summary>Extents or axes, which must not depend on the samples.</summary>
    private static long[] Constant(NodeProto node, int input, OnnxGraph graph) => node.InputAt(input) is not { } name ? []
        : graph.Constant(name)?.ToInt64s()
            ?? throw new BuildException($"{node.Title()} takes its shape from the samples; a constant shape is needed to train.");

    private static ScalarType TypeOf(NodeProto cast) => (TensorProto.Types.DataType)cast.Int("to", 0) switch
    {
        TensorProto.Types.DataType.Float => ScalarType.Float32,
        TensorProto.Types.DataType.Int64 => ScalarType.Int64,
        TensorProto.Types.DataType.Int32 => ScalarType.Int32,
        TensorProto.Types.DataType.Bool => ScalarType.Bool,
        var other => throw new BuildException(
            $"Training on a quantized grid casts to float, int64, int32 and bool; {cast.Title()} casts to {other}."),
    };

    private static IReadOnlyList<long> Pads(NodeProto node) => node.Ints("pads") ?? [];

    private static long[] Extents(NodeProto node, string name, int axes)
        => node.Ints(name) is { Count: > 0 } given ? [.. given] : [.. Enumerable.Repeat(1L, axes)];

    // 0 keeps an extent. The batch is whatever the batch is, also where the file says 1.
    private static long[] Shape(long[] asked, Tensor input)
        => [.. asked.Select((extent, axis) => axis == 0 && extent != -1 ? input.size(0) : extent == 0 ? input.size(axis) : extent)];

    private static double Bound(Tensor?[] inputs, int index, double absent)
        => index < inputs.Length && inputs[index] is { } bound ? bound.to_type(ScalarType.Float64).data<double>()[0] : absent;
}
