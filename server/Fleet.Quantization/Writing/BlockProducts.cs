using Fleet.Quantization.Onnx;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Matrix products with weights of 2, 3, 4 or 8 bits in blocks: ONNX Runtime's MatMulNBits. It computes with 8-bit activations (accuracy
/// level 4): with float ones it would be slower than the float model.
/// </summary>
internal static class BlockProducts
{
    /// <summary>Writes <paramref name="product"/> with its weight as <paramref name="rounded"/>.</summary>
    public static void Write(WeightedOperator product, BlockWeights rounded, Rewriting rewriting)
    {
        var ((bits, size), columns, blocks) = (rounded.Form, product.Channels, rounded.Blocks);
        // What no kernel reads becomes 4 bits when it is loaded.
        var kernel = bits == 3 ? 4 : bits;
        var weight = bits == 3
            ? ThreeBits.Unpacked(rounded, columns, rewriting)
            : rewriting.Constant(Tensors.Of(
                rewriting.NewName("w"), BlockWeights.Packed(rounded.Integers, size, bits), columns, blocks, size * bits / 8));
        var scale = rewriting.Constant(Tensors.Of(rewriting.NewName("s"), rounded.Scales, columns * blocks));
        string[] zeroPoints = rounded.IsSymmetric && kernel == bits ? []
            : [
                rewriting.Constant(Tensors.Of(rewriting.NewName("z"), BlockWeights.Packed(rounded.ZeroPoints, blocks, kernel),
                    columns * ((blocks * kernel + 7) / 8))),
            ];
        rewriting.Finish(product,
            output => Nodes.Node("MatMulNBits", [product.Node.Input[0], weight, scale, .. zeroPoints], [output], domain: Opsets.Microsoft)
                .With("K", product.Weight.Elements() / columns).With("N", columns).With("bits", kernel).With("block_size", size)
                .With("accuracy_level", 4));
    }
}
