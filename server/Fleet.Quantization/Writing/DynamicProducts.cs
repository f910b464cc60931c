using Fleet.Quantization.Onnx;
using Fleet.Quantization.Weights;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>Matrix products with 8-bit weights and activations rounded at run time: MatMulInteger.</summary>
internal static class DynamicProducts
{
    /// <summary>Writes <paramref name="product"/> so.</summary>
    /// <param name="product">The product.</param>
    /// <param name="rewriting">The model in the making.</param>
    /// <param name="grid">Scales of its channels where its weights lie on a grid already; null where they do not.</param>
    public static void Write(WeightedOperator product, Rewriting rewriting, float[]? grid = null)
    {
        var (weights, rows, columns) = product.RowMajor();
        var quantized = grid is null ? ChannelWeights.Of(weights, [rows, columns], axis: 1, UnsaturatedScales.Of(product))
            : ChannelWeights.On(new WeightGrid(grid, Levels.OfWeights(8), 8), weights, [rows, columns], axis: 1);
        var input = product.Node.Input[0];
        // The activation is rounded once for all products that read it.
        var (integers, scale, zeroPoint) = rewriting.Once(input, () =>
        {
            (string, string, string) names = (rewriting.NewName("q"), rewriting.NewName("s"), rewriting.NewName("z"));
            rewriting.Emit(Nodes.Node("DynamicQuantizeLinear", [input], [names.Item1, names.Item2, names.Item3]));
            return names;
        });
        string product32 = rewriting.NewName("m"), real = rewriting.NewName("f"), scales = rewriting.NewName("s");
        var weight = rewriting.Constant(Tensors.Of(rewriting.NewName("w"), quantized.Values, rows, columns));
        var weightZero = rewriting.Constant(Tensors.Of(rewriting.NewName("z"), new sbyte[columns], columns));
        var weightScale = rewriting.Constant(Tensors.Of(rewriting.NewName("s"), quantized.Scales, columns));
        rewriting.Emit(Nodes.Node("MatMulInteger", [integers, weight, zeroPoint, weightZero], [product32]));
        rewriting.Emit(Nodes.Node("Cast", [product32], [real]).With("to", (long)DataType.Float));
        rewriting.Emit(Nodes.Node("Mul", [scale, weightScale], [scales]));
        rewriting.Finish(product, output => Nodes.Node("Mul", [real, scales], [output]));
    }
}
