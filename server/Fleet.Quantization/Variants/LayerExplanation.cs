using Fleet.Contracts.Builds;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Variants;

/// <summary>Says of each layer with weights that is not quantized why, and of a rejected variant which layers cost most.</summary>
internal static class LayerExplanation
{
    /// <summary>Layers one variant tells of; the costliest come first.</summary>
    private const int MaximumLayers = 48;

    /// <summary>The costliest layers named of a rejected variant.</summary>
    private const int MaximumCostly = 5;

    /// <summary>Decibels below which a layer is not among those that caused a collapse.</summary>
    private const double SmallestCost = 0.1;

    /// <summary>The layers of a variant that <paramref name="scheme"/> made of <paramref name="graph"/>.</summary>
    /// <param name="graph">The prepared float model.</param>
    /// <param name="scheme">The scheme.</param>
    /// <param name="controlled">What accuracy control did.</param>
    /// <param name="unfused">First outputs of operators that were returned to float because the runtime does not fuse them.</param>
    /// <param name="accepted">False names the layers that cost most.</param>
    /// <param name="measured">True when a metric of the task decides: what a layer won back of it is told.</param>
    public static IReadOnlyList<LayerReport> Of(
        OnnxGraph graph, IQuantizationScheme scheme, ControlledModel controlled,
        IReadOnlyCollection<string> unfused, bool accepted, bool measured)
    {
        var layers = new List<LayerReport>();
        layers.AddRange(controlled.Returned.Select(returned =>
            Layer(graph, returned.Output, LayerFate.ReturnedToFloat) with
            {
                Decibels = Finite(returned.Gain),
                Points = measured ? Finite(returned.Won) : null,
            }));
        layers.AddRange(unfused.Select(output => Layer(graph, output, LayerFate.NotFused)));
        var returned = controlled.Returned.Select(one => one.Output).Concat(unfused).ToHashSet();
        if (!accepted)
        {
            layers.AddRange(controlled.Ranking.Where(ranked => ranked.Gain >= SmallestCost && !returned.Contains(ranked.Output))
                .Take(MaximumCostly)
                .Select(ranked => Layer(graph, ranked.Output, LayerFate.Costly) with { Decibels = Finite(ranked.Gain) }));
        }
        var held = scheme.Held(graph);
        layers.AddRange(held.Select(output => Layer(graph, output, LayerFate.Asked)));
        var quantized = scheme.OperatorsOf(graph).Concat(scheme.InAskedBits(graph)).Concat(held).ToHashSet();
        layers.AddRange(graph.Graph.Node
            .Where(node => node.OutputAt(0) is { } output && !quantized.Contains(output) && HasWeights(node, graph))
            .Select(node => new LayerReport { Layer = node.Title(), Operator = node.OpType, Fate = LayerFate.NotQuantizable }));
        return [.. layers.Take(MaximumLayers)];
    }

    /// <summary>True for a node that multiplies with a constant matrix or kernel.</summary>
    private static bool HasWeights(NodeProto node, OnnxGraph graph)
        => node.OpType is not ("Gather" or "Add" or "Sub" or "Mul" or "Div" or "Where" or "Concat" or "Pow")
            && node.Input.Skip(1).Any(input => graph.Constant(input) is { Dims.Count: >= 2 } weight && weight.Is(DataType.Float));

    private static LayerReport Layer(OnnxGraph graph, string output, LayerFate fate) => graph.ProducerOf(output) is { } node
        ? new LayerReport { Layer = node.Title(), Operator = node.OpType, Fate = fate }
        : new LayerReport { Layer = output, Operator = "", Fate = fate };

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
