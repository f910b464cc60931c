namespace Fleet.Modeling.Students;

/// <summary>A network as data: what goes in, and its layers.</summary>
/// <param name="Description">Family and width, for reports.</param>
/// <param name="InputShape">Channels and length, or channels, height and width.</param>
/// <param name="Layers">Layers in order; the last is the classifier.</param>
internal sealed record NetworkPlan(string Description, IReadOnlyList<int> InputShape, IReadOnlyList<Layer> Layers)
{
    /// <summary>Trainable parameters, batch normalization's included.</summary>
    public long Parameters() => Walk().Sum(step => step.Layer switch
    {
        Layer.Convolution convolution => Weights(convolution, step.Input) + 2L * convolution.Channels,
        Layer.Dense dense => (long)step.Input[0] * dense.Units + 2L * dense.Units,
        Layer.Classifier classifier => (step.Input[0] + 1L) * classifier.Classes,
        _ => 0,
    });

    /// <summary>Multiplications and additions, counted as one, for one sample.</summary>
    public long MultiplyAdds() => Walk().Sum(step => step.Layer switch
    {
        Layer.Convolution convolution => Weights(convolution, step.Input) * step.Output.Skip(1).Aggregate(1L, (product, extent) => product * extent),
        Layer.Dense dense => (long)step.Input[0] * dense.Units,
        Layer.Classifier classifier => (long)step.Input[0] * classifier.Classes,
        _ => 0,
    });

    /// <summary>Each layer with the shape of one sample before and behind it.</summary>
    public IEnumerable<(Layer Layer, IReadOnlyList<int> Input, IReadOnlyList<int> Output)> Walk()
    {
        var shape = InputShape;
        foreach (var layer in Layers)
        {
            var output = ShapeBehind(layer, shape);
            yield return (layer, shape, output);
            shape = output;
        }
    }

    /// <summary>What a <see cref="FeatureTap"/> can ask this network for: the output of each layer behind its activation, by <see cref="FeatureName"/>.</summary>
    public IEnumerable<Feature> Features() => Walk().Select((step, place) => new Feature(FeatureName(place), step.Output)).SkipLast(1);

    /// <summary>Name of what the layer at <paramref name="place"/> (from 0) gives: layers are counted from 1.</summary>
    public static string FeatureName(int place) => $"layer{place + 1}";

    private static int[] ShapeBehind(Layer layer, IReadOnlyList<int> input) => layer switch
    {
        Layer.Convolution convolution => [convolution.Channels, .. input.Skip(1).Select(extent => (extent - 1) / convolution.Stride + 1)],
        Layer.MaxPool pool => [input[0], .. input.Skip(1).Select(extent => extent / pool.Size)],
        Layer.GlobalAverage => [input[0]],
        Layer.Flatten => [input.Aggregate(1, (product, extent) => product * extent)],
        Layer.Dense dense => [dense.Units],
        Layer.Classifier classifier => [classifier.Classes],
        _ => throw new NotSupportedException($"Layer {layer} has no shape rule."),
    };

    private static long Weights(Layer.Convolution convolution, IReadOnlyList<int> input)
        => (long)input[0] * convolution.Channels * (long)Math.Pow(convolution.Kernel, input.Count - 1);
}
