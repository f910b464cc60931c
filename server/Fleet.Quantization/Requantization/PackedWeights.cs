using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Requantization;

/// <summary>
/// Weights of MatMulNBits, as floats: for each output a row of blocks, each with a scale and, packed like the weights, a zero point;
/// without one the middle of the range stands for zero
/// (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits).
/// </summary>
internal static class PackedWeights
{
    /// <summary>The weight as inputs by outputs.</summary>
    /// <exception cref="InvalidDataException">They are packed in another way, or not constant.</exception>
    public static TensorProto Of(NodeProto node, OnnxGraph graph, string name)
    {
        var (inputs, outputs) = ((int)node.Int("K", 0), (int)node.Int("N", 0));
        var (bits, block) = ((int)node.Int("bits", 4), (int)node.Int("block_size", 0));
        if (bits is not (2 or 4 or 8) || block <= 0 || inputs <= 0 || outputs <= 0 || node.InputAt(4) is not null
            || graph.Constant(node.Input[1]) is not { } packed || graph.Constant(node.Input[2]) is not { } scaling)
            throw new InvalidDataException($"{node.Title()} packs its weights in a way for which there is no float form.");
        var zeros = node.InputAt(3) is { } zero ? graph.Constant(zero) : null;
        var blocks = (inputs + block - 1) / block;
        var bytes = packed.RawData.Span;
        var scales = scaling.ToSingles();
        var (blockBytes, rowOfZeros) = (block * bits / 8, (blocks * bits + 7) / 8);
        if (bytes.Length < (long)outputs * blocks * blockBytes || scales.Length < outputs * blocks)
            throw new InvalidDataException($"{node.Title()} needs more packed weights than it has; export the model again.");
        var real = new float[inputs * outputs];
        for (var output = 0; output < outputs; output++)
        {
            for (var input = 0; input < inputs; input++)
            {
                var (at, within) = (input / block, input % block);
                var point = zeros is null ? 1 << (bits - 1)
                    : zeros.Is(DataType.Uint8) ? Bits(zeros.RawData.Span[(output * rowOfZeros)..], at, bits)
                    : zeros.ToSingles()[output * blocks + at];
                var integer = Bits(bytes[((output * blocks + at) * blockBytes)..], within, bits);
                real[input * outputs + output] = (integer - point) * scales[output * blocks + at];
            }
        }
        return scaling.Is(DataType.Float16)
            ? Tensors.Of(name, Array.ConvertAll(real, value => (Half)value), inputs, outputs)
            : Tensors.Of(name, real, inputs, outputs);
    }

    private static int Bits(ReadOnlySpan<byte> packed, int place, int bits)
        => packed[place * bits / 8] >> (place * bits % 8) & ((1 << bits) - 1);
}
