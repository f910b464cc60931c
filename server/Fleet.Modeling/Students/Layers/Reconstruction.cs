using System.Globalization;
using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// From a code to the sample that it stands for, and from how far that is off to a score: the mean over all values of the squared error, in
/// deviations of their channel, divided by the threshold. What a network that saw normal samples alone cannot rebuild is not normal
/// (Sakurada, Yairi, Anomaly detection using autoencoders with nonlinear dimensionality reduction, MLSDA 2014). The error is taken in 32
/// bits of the sample as it came in: an anomaly beyond the range of a quantized layer keeps its distance.
/// </summary>
/// <param name="Shape">Shape of one sample, behind the front end.</param>
internal sealed record Reconstruction(IReadOnlyList<int> Shape) : Head
{
    /// <summary>Metadata of the file: the squared error that a score of 1 stands for.</summary>
    public const string ThresholdKey = "fleet.anomaly.threshold";

    /// <summary>What squared errors are divided by; 1 until it is found on validation samples.</summary>
    public float Threshold { get; init; } = 1;

    /// <summary>The threshold as metadata has it.</summary>
    public string ThresholdText => Threshold.ToString("R", CultureInfo.InvariantCulture);

    private int Values => Shape.Aggregate(1, (product, extent) => product * extent);

    /// <inheritdoc/>
    public override IReadOnlyList<HeadOutput> Outputs(IReadOnlyList<int> input) => [new("score", [1])];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * Values;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => (input[0] + 1L) * Values;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input) => new(nn.Linear(input[0], Values), null);

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => (pass.Standardized!.flatten(1) - base.Forward(value, modules, pass)).square().mean([1L], keepdim: true) / Threshold;

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var rebuilt = graph.Gemm(layer, $"rebuilt{layer.Number}");
        if (Shape.Count > 1) rebuilt = graph.Reshaped($"sample{layer.Number}", rebuilt, [0, .. Shape.Select(extent => (long)extent)]);
        var error = graph.Add("Sub", $"error{layer.Number}", graph.Standardized(), rebuilt);
        if (Shape.Count > 1) error = graph.Add("Flatten", $"errors{layer.Number}", error);
        var squared = graph.Add("Pow", $"squares{layer.Number}", error, graph.Number("square", 2));
        var mean = graph.Node("ReduceMean", $"mean_square{layer.Number}", squared).With("axes", [1L]).With("keepdims", 1L).Output[0];
        return graph.Add("Div", "score", mean, graph.Number("threshold", Threshold));
    }
}
