using System.Globalization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using static System.Collections.Frozen.FrozenSet<string>;

namespace Fleet.Quantization.Schemes;

/// <summary>A network on the grid it was trained on: there is nothing to calibrate.</summary>
/// <param name="method">How it was trained, as in a spec.</param>
/// <param name="widths">Bits.</param>
/// <param name="form">The integers.</param>
/// <param name="trained">The float graph with its trained weights.</param>
/// <param name="grids">The trained grids.</param>
internal sealed class TrainedGridScheme(string method, BitWidths widths, IntegerForm form, PreparedModel trained, GridScales grids)
    : IQuantizationScheme
{
    /// <inheritdoc/>
    public string Name => $"{method}-{widths}";

    /// <inheritdoc/>
    public string Suffix => Name;

    /// <summary>The integers it writes.</summary>
    public IntegerForm Form => form;

    /// <inheritdoc/>
    public IReadOnlyList<string> Techniques => [$"training on the grid ({method})"];

    /// <summary>What fewer than 8 bits mean where the file runs; null at 8 bits, where kernels exist.</summary>
    public string? Meaning => widths is { Weights: 8, Activations: 8 } ? null : string.Create(CultureInfo.InvariantCulture,
        $"Weights take {widths.Weights} bits and activations {widths.Activations} ({widths.Ends} in the first and the last layer). "
            + $"{Weights} No kernel here computes in fewer than 8 bits: fewer save size, not time.");

    private string Weights => widths.Weights > 4 || form.Symmetric ? "They are stored in bytes."
        : string.Create(CultureInfo.InvariantCulture,
            $"In the file a weight takes {QdqWriter.StoredBits(widths.Weights)} bits; when it is loaded they become bytes.");

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
    {
        var plan = QuantizationPlan.For(graph, form, Empty);
        return [.. graph.Graph.Node.Select(node => node.OutputAt(0)).OfType<string>().Where(plan.Weighted.ContainsKey)];
    }

    /// <inheritdoc/>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
        => FrontEndMark.Before(Model(keptFloat), source.Model.Graph);

    /// <summary>The same network in integers that stand for the same values: unsigned or signed with a zero point.</summary>
    public TrainedGridScheme In(IntegerForm other) => new(method, widths, other, trained, grids);

    /// <summary>The trained network as a file.</summary>
    /// <param name="keptFloat">Operators that take their trained weights unrounded; none when left out.</param>
    public ModelProto Model(IReadOnlySet<string>? keptFloat = null)
    {
        var written = QdqWriter.Write(trained.Graph, QuantizationPlan.For(trained.Graph, form, keptFloat ?? Empty), form, grids);
        // Its tables have been rounded before training: in float they would be the same numbers.
        return form.Symmetric ? written : EmbeddingTables.Shrink(written);
    }
}
