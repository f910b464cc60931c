using Fleet.Contracts.Inputs;
using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>Mean over the tokens that are not padding.</summary>
internal sealed record TokenMean : WeightlessLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[1]];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
    {
        var present = pass.Input.ne(Vocabulary.Padding).to_type(value.dtype).unsqueeze(2);
        return (value * present).sum(1) / present.sum(1).clamp_min(1);
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var number = layer.Number;
        var apart = graph.Reshaped($"apart{number}", layer.Input, -1, layer.Shape[0], layer.Shape[1]);
        var isToken = graph.Once("present", () => graph.Cast("present", graph.Add("Not", "isToken", graph.IsPadding())));
        var present = graph.Add("Unsqueeze", $"present{number}", isToken, graph.Integers("axis2", 2));
        string Sum(string name, string value)
            => graph.Node("ReduceSum", name, value, graph.Integers("axis1", 1)).With("keepdims", 0L).Output[0];
        var sum = Sum($"sum{number}", graph.Add("Mul", $"kept{number}", apart, present));
        return graph.Add("Div", $"mean{number}", sum,
            graph.Add("Max", $"count{number}", Sum($"length{number}", present), graph.Scalar("one", 1)));
    }
}
