using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Fleet.Modeling.Quantization;

namespace Fleet.Modeling.Distillation.QuantizationAware;

/// <summary>A network on the grid it was trained on. There is nothing left to calibrate or to return to float.</summary>
/// <param name="method">How it was trained, as in a spec.</param>
/// <param name="widths">Bits.</param>
/// <param name="form">The integers.</param>
/// <param name="trained">The float graph with its trained weights.</param>
/// <param name="grids">The trained grids.</param>
internal sealed class QuantizationAwareScheme(string method, BitWidths widths, IntegerForm form, PreparedModel trained, GridScales grids) : IQuantizationScheme
{
    /// <inheritdoc/>
    public string Name => $"{method}-{widths}";

    /// <inheritdoc/>
    public string Suffix => $"{method}-{widths}";

    /// <summary>The integers it writes.</summary>
    public IntegerForm Form => form;

    /// <summary>Bits.</summary>
    public BitWidths Widths => widths;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph) => [];

    /// <summary>The trained network as a file.</summary>
    public ModelProto Model() => QdqWriter.Write(trained.Graph, QuantizationPlan.For(trained.Graph, form, new HashSet<string>()), form, grids);

    /// <inheritdoc/>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat) => Model();
}
