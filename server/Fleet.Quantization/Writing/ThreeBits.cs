using Fleet.Quantization.Onnx;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Writing;

/// <summary>
/// 3-bit integers, which no kernel reads, in the file as they are and in 4 bits once loaded: the two low bits and the high one lie in
/// planes of their own, and operators with only constants before them put them together, so that the runtime computes them once. The
/// values are ordered so that a shift and a mask give whole bytes of two 4-bit values.
/// </summary>
internal static class ThreeBits
{
    /// <summary>The first operator set with masks (BitwiseAnd, BitwiseOr).</summary>
    public const long FirstOpset = 18;

    /// <summary>Emits the operators and returns the name of the integers, two of 4 bits in each byte of a block.</summary>
    public static string Unpacked(BlockWeights rounded, int columns, Rewriting rewriting)
    {
        var (blocks, size) = (rounded.Blocks, rounded.Form.Size);
        var whole = rewriting.Constant(Tensors.Of(rewriting.NewName("w"), [(long)columns, blocks, size / 2], 3));
        var low = Plane(Packed(rounded.Integers, perByte: 4, value => value & 3), mask: 0x33, [0, 2]);
        var high = Plane(Packed(rounded.Integers, perByte: 8, value => value >> 2), mask: 0x11, [0, 1, 2, 3]);
        var (shifted, joined) = (rewriting.NewName("w"), rewriting.NewName("w"));
        var two = rewriting.Constant(Tensors.Of(rewriting.NewName("w"), [(byte)2]));
        rewriting.Emit(Nodes.Node("BitShift", [high, two], [shifted]).With("direction", "LEFT"));
        rewriting.Emit(Nodes.Node("BitwiseOr", [low, shifted], [joined]));
        return joined;

        string Plane(byte[] packed, byte mask, byte[] shifts)
        {
            var bytes = rewriting.Constant(
                Tensors.Of(rewriting.NewName("w"), packed, columns, blocks, packed.Length / columns / blocks, 1));
            var by = rewriting.Constant(Tensors.Of(rewriting.NewName("w"), shifts, shifts.Length));
            var kept = rewriting.Constant(Tensors.Of(rewriting.NewName("w"), [mask]));
            var (moved, masked, plane) = (rewriting.NewName("w"), rewriting.NewName("w"), rewriting.NewName("w"));
            rewriting.Emit(Nodes.Node("BitShift", [bytes, by], [moved]).With("direction", "RIGHT"));
            rewriting.Emit(Nodes.Node("BitwiseAnd", [moved, kept], [masked]));
            rewriting.Emit(Nodes.Node("Reshape", [masked, whole], [plane]));
            return plane;
        }
    }

    /// <summary>
    /// A part of each value, packed: of the values of a byte, the even ones lie in its low half and the odd ones in its high half, so that
    /// each shift brings a pair of neighbours to where two 4-bit values have their lowest bits.
    /// </summary>
    private static byte[] Packed(byte[] values, int perByte, Func<byte, int> part)
    {
        var packed = new byte[values.Length / perByte];
        for (var i = 0; i < values.Length; i++)
        {
            var (pair, odd) = (i % perByte / 2, i % 2);
            packed[i / perByte] |= (byte)(part(values[i]) << (odd * 4 + pair * (8 / perByte)));
        }
        return packed;
    }
}
