using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

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
    public bool IsAlikeEverywhere => true;

    /// <inheritdoc/>
    public IReadOnlyList<Technique> Helpers { get; } = [
        Technique.Smoothing, Technique.StrongerSmoothing, Technique.CompensatedRounding,
    ];

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph)
        => (MatrixProducts.Of(graph).Any() || DynamicLstm.OperatorsOf(graph).Any()) && WeightShare.IsWorthwhile(graph, OperatorsOf(graph));

    /// <inheritdoc/>
    public bool RoundsByBatch(OnnxGraph graph) => true;

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
        var made = Made(source, keptFloat);
        return source.Held.Count > 0 ? made : FloatVectors.Halve(made);
    }

    /// <inheritdoc/>
    public bool KeptMayShrink => true;

    /// <inheritdoc/>
    /// <remarks>No pair of its weights saturates.</remarks>
    public RuntimeSettings Runtime(RuntimeSettings ofProfile) => NeededSettings.Unguarded(ofProfile);

    private static ModelProto Made(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var graph = source.Model.Graph;
        if (!DynamicLstm.OperatorsOf(graph).Any()) return EmbeddingTables.Shrink(Products(source, keptFloat), keptFloat, graph);
        var model = MatrixProducts.Of(graph).Any() ? Products(source, keptFloat) : source.Model.Model.Clone();
        DynamicLstm.Rewrite(model, graph, keptFloat);
        return EmbeddingTables.Shrink(model, keptFloat, graph);
    }

    private static ModelProto Products(QuantizationSource source, IReadOnlySet<string> keptFloat)
        => MatrixProducts.Rewrite(source.Model.Graph, keptFloat, "dynamic int8", (product, rewriting)
            => DynamicProducts.Write(product, rewriting, source.WeightScales.GetValueOrDefault(product.Node.Output[0])));
}
