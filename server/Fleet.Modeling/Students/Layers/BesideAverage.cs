using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// Puts the mean over all positions of what was remembered, at mean 0 and deviation 1, behind what comes in. Of tokens, whose padding is
/// zero, that is what is said whatever its order. Small as it is beside the largest values, a shared grid of 8 bits would have no steps for
/// it otherwise.
/// </summary>
/// <param name="Channels">Of what was remembered.</param>
internal sealed record BesideAverage(int Channels) : Layer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [input[0] + Channels];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => Channels;

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input)
        => new(null, nn.BatchNorm1d(Channels, NormalizationEpsilon, affine: false));

    /// <inheritdoc/>
    public override Tensor Forward(Tensor value, LayerModules modules, ForwardPass pass)
        => cat([value, modules.BatchNormalization!.call(pass.Remembered.Pop().mean([2]))], 1);

    /// <inheritdoc/>
    public override FoldedLayer Folded(LayerModules modules, InputScale? scale)
    {
        var values = modules.BatchNormalization!.state_dict();
        Tensor Of(string name) => values[name].to_type(ScalarType.Float64);
        float[] Numbers(Tensor value) => value.to_type(ScalarType.Float32).cpu().data<float>().ToArray();
        var factor = (Of("running_var") + NormalizationEpsilon).rsqrt();
        return new FoldedLayer(this, [Channels], Numbers(factor), Numbers(-Of("running_mean") * factor));
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var number = layer.Number;
        var average = graph.Add("Flatten", $"rows{number}", graph.Add("GlobalAveragePool", $"average{number}", graph.Remembered.Pop()));
        var scaled = graph.Add("Mul", $"scaled{number}", average, graph.Weight(layer));
        return graph.Node("Concat", $"beside{number}", layer.Input, graph.Add("Add", $"centred{number}", scaled, graph.Bias(layer)))
            .With("axis", 1L).Output[0];
    }
}
