using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// 8-bit weights, and activations rounded anew at every run: no samples are needed. For matrix products and LSTM layers; an integer Conv of
/// this kind has no fast kernel and runs at a fraction of the float speed. Tables of vectors become bytes.
/// </summary>
internal sealed class DynamicInt8Scheme : IQuantizationScheme
{
    /// <inheritdoc/>
    public string Name => "int8-dynamic";

    /// <inheritdoc/>
    public string Suffix => "int8-dynamic";

    /// <inheritdoc/>
    public IReadOnlyList<Technique> Helpers { get; } = [Technique.Smoothing];

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph)
        => (MatrixProducts.Of(graph).Any() || DynamicLstm.OperatorsOf(graph).Any()) && WeightShare.IsWorthwhile(graph, OperatorsOf(graph));

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
        => [
            .. MatrixProducts.Of(graph).Select(product => product.Node.Output[0]), .. DynamicLstm.OperatorsOf(graph),
            .. EmbeddingTables.OperatorsOf(graph),
        ];

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has no matrix product and no LSTM with constant weights.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var graph = source.Model.Graph;
        if (!DynamicLstm.OperatorsOf(graph).Any()) return EmbeddingTables.Shrink(Products(source, keptFloat), keptFloat);
        var model = MatrixProducts.Of(graph).Any() ? Products(source, keptFloat) : source.Model.Model.Clone();
        DynamicLstm.Rewrite(model, graph, keptFloat);
        return EmbeddingTables.Shrink(model, keptFloat);
    }

    private static ModelProto Products(QuantizationSource source, IReadOnlySet<string> keptFloat)
        => MatrixProducts.Rewrite(source.Model.Graph, keptFloat, "dynamic int8", (product, rewriting) =>
        {
            var (weights, rows, columns) = product.RowMajor();
            var quantized = ChannelWeights.Of(weights, [rows, columns], axis: 1);
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
        });
}
