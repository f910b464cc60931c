using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// 4-bit weights in blocks of 32 with a scale each: ONNX Runtime's MatMulNBits, for MatMul and Gemm. No samples are needed. Its
/// kernels compute with 8-bit activations (accuracy level 4), where a float computation would be slower than the float model. Tables of
/// vectors become bytes, and so does the product that is tied to one: both then read the same.
/// </summary>
internal sealed class Int4WeightsScheme(string name, string suffix, BlockRounding rounding) : IQuantizationScheme
{
    /// <summary>Weights along the input that share a scale. Larger blocks save little and lose accuracy.</summary>
    private const int BlockSize = 32;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public string Suffix => suffix;

    /// <inheritdoc/>
    public bool IsFourBit => true;

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => MatrixProducts.Of(graph).Any() && WeightShare.IsWorthwhile(graph, OperatorsOf(graph));

    /// <inheritdoc/>
    public bool RoundsByBatch(OnnxGraph graph) => TiedTable.Of(graph).Count > 0;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
        => [.. MatrixProducts.Of(graph).Select(product => product.Node.Output[0]), .. EmbeddingTables.OperatorsOf(graph)];

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has no matrix product with constant weights.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var tied = TiedTable.Of(source.Model.Graph).Select(one => one.Product.Node.Output[0]).ToHashSet();
        var model = MatrixProducts.Rewrite(source.Model.Graph, keptFloat, "int4", (product, rewriting) =>
        {
            if (tied.Contains(product.Node.Output[0]))
            {
                DynamicProducts.Write(product, rewriting);
                return;
            }
            var (weights, rows, columns) = product.RowMajor();
            var rounded = BlockWeights.Of(weights, rows, columns, BlockSize, rounding);
            var weight = rewriting.Constant(Tensors.Of(
                rewriting.NewName("w"), BlockWeights.Packed(rounded.Integers, BlockSize), columns, rounded.Blocks, BlockSize / 2));
            var scale = rewriting.Constant(Tensors.Of(rewriting.NewName("s"), rounded.Scales, columns * rounded.Blocks));
            string[] zeroPoints = rounded.IsSymmetric ? []
                : [
                    rewriting.Constant(Tensors.Of(rewriting.NewName("z"), BlockWeights.Packed(rounded.ZeroPoints, rounded.Blocks),
                        columns * ((rounded.Blocks + 1) / 2))),
                ];
            rewriting.Finish(product,
                output => Nodes.Node("MatMulNBits", [product.Node.Input[0], weight, scale, .. zeroPoints],
                    [output], domain: Opsets.Microsoft)
                .With("K", rows).With("N", columns).With("bits", 4).With("block_size", BlockSize).With("accuracy_level", 4));
        });
        model.Declare(Opsets.Microsoft, 1);
        return EmbeddingTables.Shrink(model, keptFloat, source.Model.Graph);
    }
}
