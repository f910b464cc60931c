using Fleet.Quantization.Onnx;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// Each channel as it comes, and as many random sums and differences of some of them: what follows looks at channels one by one and hears
/// of their relation here. Nothing of it is trained.
/// </summary>
internal sealed record ChannelMix : WeightedLayer
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input) => [2 * input[0], input[1]];

    /// <inheritdoc/>
    public override long Parameters(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input) => 2L * input[0] * input[0] * input[1];

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input)
    {
        var channels = input[0];
        var weights = new float[2 * channels * channels];
        var random = new Random((int)randint(int.MaxValue, 1).item<long>());
        var order = Enumerable.Range(0, channels).ToArray();
        for (var channel = 0; channel < channels; channel++)
        {
            weights[channel * channels + channel] = 1;
            random.Shuffle(order);
            // Rather few than many, as ROCKET draws them (arXiv 1910.13051).
            var heard = (int)Math.Pow(2, 1 + random.NextDouble() * Math.Log2(channels / 2.0));
            foreach (var other in order.Take(heard))
                weights[(channels + channel) * channels + other] = (random.Next(2) * 2 - 1) / MathF.Sqrt(heard);
        }
        return new LayerModules(new FixedKernels(weights, [2 * channels, channels, 1], [1], 1), null);
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
        => graph.Node("Conv", $"mix{layer.Number}", layer.Input, graph.Weight(layer)).With("kernel_shape", [1L]).Output[0];

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfChannels();
}
