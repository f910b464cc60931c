using Fleet.Contracts.Inputs;
using Fleet.Quantization.Onnx;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// Each token's mean of all tokens' values, weighted by softmax(query key / sqrt(width of a head)); padding is not looked
/// at (Vaswani et al., arXiv 1706.03762). What comes in are queries, keys and values side by side.
/// </summary>
internal sealed record Attention(int Heads) : WeightlessLayer
{
    /// <summary>
    /// What is added to the score of padding, so low that softmax makes zero of it. A sample of padding alone has no token to look
    /// at; its answer is finite and means nothing.
    /// </summary>
    private const float PaddingScore = -1e4f;

    private static readonly string[] PartNames = ["query", "key", "value"];

    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[0], input[1] / 3];

    // Queries with keys, and their weights with values: each is length x length x width.
    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 2L * input[0] * input[0] * ShapeBehind(input)[1];

    /// <summary>Queries, keys and values as heads, tokens, width of a head.</summary>
    public override IReadOnlyList<LayerPart> Parts(IReadOnlyList<int> input)
        => [.. PartNames.Select(name => new LayerPart(name, [Heads, input[0], ShapeBehind(input)[1] / Heads]))];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
    {
        Tensor ByHead(Tensor part) => part.reshape(part.size(0), part.size(1), Heads, -1).transpose(1, 2);
        Tensor[] parts = [.. value.chunk(3, -1).Select(ByHead)];
        foreach (var (part, name) in parts.Zip(PartNames)) pass.Tap?.Offer($"{pass.Name}.{name}", part);
        var padding = pass.Input.eq(Vocabulary.Padding).to_type(value.dtype)
            .reshape(pass.Input.size(0), 1, 1, pass.Input.size(1)) * PaddingScore;
        var weights = functional.softmax(parts[0].matmul(parts[1].transpose(2, 3)) / Math.Sqrt(parts[0].size(3)) + padding, -1);
        return weights.matmul(parts[2]).transpose(1, 2).reshape(value.size(0), value.size(1), -1);
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var (length, width, number) = (layer.Shape[0], layer.Shape[1] / 3, layer.Number);
        var split = graph.Node("Split", [.. PartNames.Select(name => $"{name}{number}")], $"split{number}", layer.Input,
            graph.Integers("thirds", width, width, width)).With("axis", 1L);
        string ByHead(string part, params long[] order)
            => graph.Node("Transpose", $"heads_{part}", graph.Reshaped($"apart_{part}", part, -1, length, Heads, width / Heads))
                .With("perm", order).Output[0];
        string Root() => graph.Scalar($"rootOfWidth{width / Heads}", 1 / MathF.Sqrt(width / Heads));
        var query = graph.Add("Mul", $"scaled{number}", ByHead(split.Output[0], 0, 2, 1, 3), Root());
        var scores = graph.Add("Add", $"scores{number}",
            graph.Add("MatMul", $"products{number}", query, ByHead(split.Output[1], 0, 2, 3, 1)), PaddingScores(graph));
        var weights = graph.Node("Softmax", $"weights{number}", scores).With("axis", -1L).Output[0];
        var mixed = graph.Add("MatMul", $"mixed{number}", weights, ByHead(split.Output[2], 0, 2, 1, 3));
        var together = graph.Node("Transpose", $"together{number}", mixed).With("perm", new long[] { 0, 2, 1, 3 });
        return graph.Reshaped($"attended{number}", together.Output[0], -1, width);
    }

    // What is added to scores: nothing for a token, much below zero for padding; one for all heads and all queries.
    private static string PaddingScores(StudentGraph graph) => graph.Once("paddingScores", () => graph.Add("Unsqueeze", "paddingScores",
        graph.Add("Mul", "paddingRow", graph.Cast("paddingValues", graph.IsPadding()), graph.Scalar("paddingScore", PaddingScore)),
        graph.Integers("headAndQuery", 1, 2)));
}
