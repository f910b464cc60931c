using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>The operators that pool.</summary>
internal static partial class GraphOperators
{
    private static Tensor MaxPool(NodeProto node, Tensor input)
    {
        var axes = (int)input.dim() - 2;
        var (kernel, strides, dilations) = (
            Extents(node, "kernel_shape", axes), Extents(node, "strides", axes), Extents(node, "dilations", axes));
        var (padded, padding) = Padded(node, input, axes, double.NegativeInfinity);
        var roundsUp = node.Int("ceil_mode", 0) != 0;
        return axes == 1
            ? functional.max_pool1d(padded, kernel[0], strides[0], padding[0], dilations[0], roundsUp)
            : functional.max_pool2d(padded, kernel, strides, padding, dilations, roundsUp);
    }

    private static Tensor AveragePool(NodeProto node, Tensor input)
    {
        var axes = (int)input.dim() - 2;
        var (kernel, strides) = (Extents(node, "kernel_shape", axes), Extents(node, "strides", axes));
        return axes == 1 ? functional.avg_pool1d(input, kernel[0], strides[0]) : functional.avg_pool2d(input, kernel, strides);
    }

    /// <summary>Padding as TorchSharp takes it, the same on both sides; what differs is put around the input first.</summary>
    private static (Tensor Input, long[] Padding) Padded(NodeProto node, Tensor input, int axes, double value)
    {
        if (node.Text("auto_pad", "NOTSET") is not ("NOTSET" or "VALID"))
            throw new BuildException($"{node.Title()} pads by '{node.Text("auto_pad", "")}'; explicit padding is needed to train.");
        var pads = Pads(node) is { Count: > 0 } given ? given : new long[2 * axes];
        long[] before = [.. pads.Take(axes)], after = [.. pads.Skip(axes)];
        if (before.SequenceEqual(after)) return (input, before);
        // The last axis comes first, each with both of its sides.
        return (functional.pad(input, [.. Enumerable.Range(0, axes).Reverse().SelectMany(axis => new[] { before[axis], after[axis] })],
            value: value), new long[axes]);
    }
}
