using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// Weights of few bits in blocks with a scale each, for MatMul and Gemm. Tables of vectors become bytes, and so does the product that is
/// tied to one: both then read the same.
/// </summary>
internal sealed class BlockWeightsScheme(string name, string suffix, IProductRounding rounding) : IQuantizationScheme
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public string Suffix => suffix;

    /// <inheritdoc/>
    public bool IsFourBit => true;

    /// <inheritdoc/>
    public BlockForm? Blocks => rounding.Usual;

    /// <summary>Bits that a weight may take on average; null where all take the same.</summary>
    public double? Budget => (rounding as BudgetedRounding)?.AverageBits;

    /// <inheritdoc/>
    public IReadOnlyList<Technique> Helpers { get; } = [Technique.ActivationAwareScaling];

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
    /// <exception cref="InvalidDataException">The model has no matrix product with constant weights, or samples are lacking.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var graph = source.Model.Graph;
        var rounded = source.Once(rounding, rounding.Of);
        var model = MatrixProducts.Rewrite(graph, keptFloat, "int4", (product, rewriting) =>
        {
            if (rounded.GetValueOrDefault(product.Node.Output[0]) is { } weights) BlockProducts.Write(product, weights, rewriting);
            else DynamicProducts.Write(product, rewriting);
        });
        model.Declare(Opsets.Microsoft, 1);
        // What puts 3 bits together is newer than the rest.
        if (rounded.Values.Any(weights => weights.Form.Bits == 3)) LaterOpset.Raise(model, ThreeBits.FirstOpset);
        return EmbeddingTables.Shrink(model, keptFloat, graph);
    }
}
