using System.Globalization;
using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// From a code to the sample that it stands for, and from how far that is off to a score: the mean over all values of the squared error, in
/// deviations of their channel, divided by the threshold. What a network that saw normal samples alone cannot rebuild is not normal
/// (Sakurada, Yairi, Anomaly detection using autoencoders with nonlinear dimensionality reduction, MLSDA 2014). The error is taken in 32
/// bits of the sample as it came in: an anomaly beyond the range of a quantized layer keeps its distance. With prototypes the squared
/// distance of the code to the nearest is added: a sample that is rebuilt well, but unlike any normal one, is not normal either.
/// </summary>
/// <param name="Shape">Shape of one sample, behind the front end.</param>
internal sealed record Reconstruction(IReadOnlyList<int> Shape) : Head
{
    /// <summary>Metadata of the file: the squared error that a score of 1 stands for.</summary>
    public const string ThresholdKey = "fleet.anomaly.threshold";

    /// <summary>Prototypes that are found, some of them alike where there are fewer samples.</summary>
    public const int PrototypeCount = 64;

    /// <summary>What squared errors are divided by; 1 until it is found on validation samples.</summary>
    public float Threshold { get; init; } = 1;

    /// <summary>Codes of what normal samples are like, one after the other; empty where the error alone tells.</summary>
    public IReadOnlyList<float> Prototypes { get; init; } = [];

    /// <summary>The threshold as metadata has it.</summary>
    public string ThresholdText => Threshold.ToString("R", CultureInfo.InvariantCulture);

    private int Values => Shape.Aggregate(1, (product, extent) => product * extent);

    /// <inheritdoc/>
    public override IReadOnlyList<HeadOutput> Outputs(IReadOnlyList<int> input) => [new("score", [1])];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * Values + Prototypes.Count;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => (input[0] + 1L) * Values + Prototypes.Count;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(nn.Linear(input[0], Values), null);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
    {
        var error = (pass.Standardized!.flatten(1) - base.Forward(value, modules, pass)).square().mean([1L], keepdim: true);
        if (Prototypes.Count == 0) return error / Threshold;
        var units = value.size(1);
        var prototypes = tensor([.. Prototypes], [Prototypes.Count / units, units], dtype: value.dtype, device: value.device);
        return (error + (value.unsqueeze(1) - prototypes).square().sum(2).amin([1L], keepdim: true)) / Threshold;
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var rebuilt = graph.Gemm(layer, $"rebuilt{layer.Number}");
        if (Shape.Count > 1) rebuilt = graph.Reshaped($"sample{layer.Number}", rebuilt, [0, .. Shape.Select(extent => (long)extent)]);
        var error = graph.Add("Sub", $"error{layer.Number}", graph.Standardized(), rebuilt);
        if (Shape.Count > 1) error = graph.Add("Flatten", $"errors{layer.Number}", error);
        var squared = graph.Add("Pow", $"squares{layer.Number}", error, graph.Number("square", 2));
        var mean = graph.Node("ReduceMean", $"mean_square{layer.Number}", squared).With("axes", [1L]).With("keepdims", 1L).Output[0];
        if (Prototypes.Count > 0) mean = graph.Add("Add", $"distance{layer.Number}", mean, Nearest(graph, layer));
        return graph.Add("Div", "score", mean, graph.Number("threshold", Threshold));
    }

    // Differences rather than products: no scheme rounds them, and prototypes take few bytes.
    private string Nearest(StudentGraph graph, LayerExport layer)
    {
        var units = layer.Shape[0];
        var code = graph.Reshaped($"alone{layer.Number}", layer.Input, 0, 1, units);
        var prototypes = graph.Constant(Tensors.Of("prototypes", [.. Prototypes], [1, Prototypes.Count / units, units]));
        var apart = graph.Add("Sub", $"apart{layer.Number}", code, prototypes);
        var squares = graph.Add("Mul", $"apart_squares{layer.Number}", apart, apart);
        var distances = graph.Node("ReduceSum", $"distances{layer.Number}", squares, graph.Integers("units", 2))
            .With("keepdims", 0L).Output[0];
        return graph.Node("ReduceMin", $"nearest{layer.Number}", distances).With("axes", [1L]).With("keepdims", 1L).Output[0];
    }
}
