using Fleet.Modeling.Data;
using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// To a box and a score for each class at every position of an image. Corners are told from the centre of the position and are shares of
/// the image; scores are between 0 and 1. Nothing is left out of overlapping boxes: who reads them does that.
/// </summary>
/// <param name="Classes">Kinds of things.</param>
internal sealed record Detector(int Classes) : Head
{
    /// <summary>
    /// Shares of the image for one unit of the layer's numbers: corners are then as large as logits, with which they share the grid of a
    /// quantized activation.
    /// </summary>
    private const float Unit = 1 / 8f;

    /// <summary>How likely anything is anywhere at first; background outnumbers boxes (Lin et al., arXiv 1708.02002).</summary>
    private const double Prior = 0.01;

    /// <summary>Half the side of a box at first, in shares of the image.</summary>
    private const float FirstExtent = 0.1f;

    /// <inheritdoc/>
    public override IReadOnlyList<HeadOutput> Outputs(IReadOnlyList<int> input)
    {
        var grid = GridOf(input);
        return [new(DetectionGrid.Boxes, [grid.Cells, 4]), new(DetectionGrid.Scores, [grid.Cells, Classes])];
    }

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => (input[0] + 1L) * (4 + Classes);

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => (long)input[0] * (4 + Classes) * GridOf(input).Cells;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input)
    {
        var convolution = nn.Conv2d(input[0], 4 + Classes, 1);
        using var noGradient = no_grad();
        using var scope = TorchSharp.torch.NewDisposeScope();
        const float extent = FirstExtent / Unit;
        float[] bias = [-extent, -extent, extent, extent, .. Enumerable.Repeat((float)Math.Log(Prior / (1 - Prior)), Classes)];
        convolution.bias!.copy_(tensor(bias));
        return new LayerModules(convolution, null);
    }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
    {
        var grid = new DetectionGrid((int)value.size(2), (int)value.size(3), Classes);
        var cells = base.Forward(value, modules, pass).flatten(2).transpose(1, 2);
        var boxes = cells.narrow(2, 0, 4) * Unit + tensor(Centres(grid), [1, grid.Cells, 4], dtype: value.dtype, device: value.device);
        return cat([boxes.flatten(1), cells.narrow(2, 4, Classes).sigmoid().flatten(1)], 1);
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var grid = GridOf(layer.Shape);
        var raw = graph.Node("Conv", $"conv{layer.Number}", layer.Input, graph.Weight(layer), graph.Bias(layer))
            .With("kernel_shape", [1L, 1L]).Output[0];
        var rows = graph.Reshaped("cells", raw, 0, 4 + Classes, grid.Cells);
        var parts = graph.Node("Split", ["offsets", "logits"], "parts", rows, graph.Integers("widths", 4, Classes)).With("axis", 1L);
        string Turned(string name, string part) => graph.Node("Transpose", name, part).With("perm", [0L, 2L, 1L]).Output[0];
        var shares = graph.Add("Mul", "shares", Turned("offsets_by_cell", parts.Output[0]), graph.Scalar("unit", Unit));
        graph.Add("Sigmoid", DetectionGrid.Scores, Turned("logits_by_cell", parts.Output[1]));
        return graph.Add("Add", DetectionGrid.Boxes, shares, graph.Constant(Tensors.Of("centres", Centres(grid), [1, grid.Cells, 4])));
    }

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfChannels();

    private DetectionGrid GridOf(IReadOnlyList<int> input) => new(input[1], input[2], Classes);

    private static float[] Centres(DetectionGrid grid) => [
        .. Enumerable.Range(0, grid.Cells).Select(grid.CentreOf).SelectMany(at => (float[])[at.X, at.Y, at.X, at.Y]),
    ];
}
