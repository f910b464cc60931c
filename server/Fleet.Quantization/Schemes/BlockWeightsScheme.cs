using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// Weights of few bits in blocks with a scale each, for MatMul and Gemm. Tables of vectors become bytes, and so does the product that is
/// tied to one: both then read the same. Small products that give the answers keep 16 bits (<see cref="OutputProducts"/>).
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
    public string RoundsAs => name;

    /// <inheritdoc/>
    public BlockForm? Blocks => rounding.Usual;

    private readonly BudgetedRounding? _budgeted = rounding as BudgetedRounding;

    /// <summary>Bits that a weight may take on average; null where all take the same.</summary>
    public double? Budget => _budgeted?.AverageBits;

    /// <inheritdoc/>
    public string Kept => _budgeted is null ? KeptOnRequest : "8 bits or float";

    /// <inheritdoc/>
    public string KeptOnRequest => "float";

    /// <inheritdoc/>
    public bool IsAlikeEverywhere => true;

    /// <inheritdoc/>
    public IReadOnlyList<Technique> Helpers { get; } = [Technique.ActivationAwareScaling];

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph)
        => MatrixProducts.Of(graph).Any() && WeightShare.IsWorthwhile(graph, [.. OperatorsOf(graph), .. InAskedBits(graph)]);

    /// <inheritdoc/>
    public bool RoundsByBatch(OnnxGraph graph) => TiedTable.Of(graph).Count > 0;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
        => [
            .. MatrixProducts.Of(graph).Select(product => product.Node.Output[0]).Except(AnswersOf(graph)).Except(InAskedBits(graph)),
            .. EmbeddingTables.OperatorsOf(graph),
        ];

    /// <inheritdoc/>
    public IReadOnlyCollection<string> InAskedBits(OnnxGraph graph)
        => _budgeted is { Asked.Count: > 0 } ? [.. NamedLayers.BitsIn(graph, _budgeted.Asked).Keys] : [];

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has no matrix product with constant weights, or samples are lacking.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var graph = source.Model.Graph;
        var rounded = source.Once(rounding, rounding.Of);
        var (closer, answers) = (Closer(source, keptFloat, rounded), AnswersOf(graph));
        var kept = keptFloat.Except(closer.Keys).Concat(answers).ToHashSet();
        var model = MatrixProducts.Rewrite(graph, kept, "int4", (product, rewriting) =>
        {
            var output = product.Node.Output[0];
            if ((closer.GetValueOrDefault(output) ?? rounded.GetValueOrDefault(output)) is { } weights)
                BlockProducts.Write(product, weights, rewriting);
            else DynamicProducts.Write(product, rewriting);
        });
        model.Declare(Opsets.Microsoft, 1);
        // What puts 3 bits together is newer than the rest.
        if (rounded.Values.Any(weights => weights.Form.Bits == 3)) LaterOpset.Raise(model, ThreeBits.FirstOpset);
        return KeptWeights.Halved(EmbeddingTables.Shrink(model, keptFloat, graph), answers.Except(keptFloat).ToHashSet());
    }

    /// <inheritdoc/>
    /// <remarks>Bytes are multiplied only where a table is tied to a product, and then no pair of them saturates.</remarks>
    public RuntimeSettings Runtime(RuntimeSettings ofProfile) => NeededSettings.Unguarded(ofProfile);

    /// <summary>A budget of bits tells by itself what the answers feel.</summary>
    private IReadOnlySet<string> AnswersOf(OnnxGraph graph) => _budgeted is null ? OutputProducts.Of(graph) : new HashSet<string>();

    /// <summary>Of what is kept that which a budget of bits keeps closer to float, and not in it: nobody asked for float.</summary>
    private Dictionary<string, BlockWeights> Closer(
        QuantizationSource source, IReadOnlySet<string> kept, IReadOnlyDictionary<string, BlockWeights> rounded)
    {
        var closer = new Dictionary<string, BlockWeights>();
        if (_budgeted is null || kept.Count == 0) return closer;
        foreach (var product in MatrixProducts.Of(source.Model.Graph))
        {
            var output = product.Node.Output[0];
            if (!kept.Contains(output) || source.Held.Contains(output) || !rounded.ContainsKey(output)) continue;
            // Found once, however many layers are tried beside it; an empty list is found too.
            var found = source.Once((rounding, output), _ => (BlockWeights[])(BudgetedRounding.Closely(product) is { } one ? [one] : []));
            if (found is [var close]) closer[output] = close;
        }
        return closer;
    }
}
