using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>x times the Gaussian's distribution function at x (Hendrycks, Gimpel, arXiv 1606.08415).</summary>
internal sealed record Gelu : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => input;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass) => functional.gelu(value);

    // x/2 (1 + erf(x / sqrt 2)), operator by operator: an operator Gelu only came with opset 20, and runtimes fuse this form.
    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var (number, input) = (layer.Number, layer.Input);
        var error = graph.Add("Erf", $"erf{number}", graph.Add("Div", $"scaled{number}", input, graph.Scalar("root2", MathF.Sqrt(2))));
        var shifted = graph.Add("Add", $"shifted{number}", error, graph.Scalar("one", 1));
        return graph.Add("Mul", $"gelu{number}", graph.Add("Mul", $"weighted{number}", input, shifted), graph.Scalar("half", 0.5f));
    }
}
