using Fleet.Modeling.Data;

namespace Fleet.Modeling.Students;

/// <summary>A network as data: what goes in, and its layers.</summary>
/// <param name="Description">Family and width, for reports.</param>
/// <param name="InputShape">Features; channels and length; channels, height and width; or, of token numbers, the length.</param>
/// <param name="Layers">Layers in order; the last is the classifier.</param>
internal sealed record NetworkPlan(string Description, IReadOnlyList<int> InputShape, IReadOnlyList<Layer> Layers)
{
    /// <summary>Whose numbers the input holds; null when it holds measured values.</summary>
    public Vocabulary? Vocabulary { get; init; }

    /// <summary>Trainable parameters, batch normalization's included.</summary>
    public long Parameters() => Walk().Sum(step => step.Layer switch
    {
        Layer.Convolution convolution => Weights(convolution, step.Input) + 2L * convolution.Channels,
        Layer.Depthwise depthwise => Weights(depthwise, step.Input) + 2L * step.Input[0],
        Layer.Dense dense => (long)step.Input[0] * dense.Units + 2L * dense.Units,
        Layer.Classifier classifier => (step.Input[0] + 1L) * classifier.Classes,
        Layer.Tokens tokens => (long)Vocabulary!.Pieces.Count * tokens.Width,
        Layer.Positions => (long)step.Input[0] * step.Input[1],
        Layer.Linear linear => (step.Input[^1] + 1L) * linear.Units,
        Layer.LayerNormalization => 2L * step.Input[^1],
        _ => 0,
    });

    /// <summary>Multiplications and additions, counted as one, for one sample.</summary>
    public long MultiplyAdds() => Walk().Sum(step => step.Layer switch
    {
        Layer.Convolution convolution => Weights(convolution, step.Input) * Places(step.Output),
        Layer.Depthwise depthwise => Weights(depthwise, step.Input) * Places(step.Output),
        Layer.Dense dense => (long)step.Input[0] * dense.Units,
        Layer.Classifier classifier => (long)step.Input[0] * classifier.Classes,
        Layer.Linear linear => (long)step.Input[0] * step.Input[1] * linear.Units,
        // Queries with keys, and their weights with values: each is length x length x width.
        Layer.Attention => 2L * step.Input[0] * step.Input[0] * step.Output[1],
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

    /// <summary>
    /// What a <see cref="FeatureTap"/> can ask this network for: the output of each layer behind its activation, by
    /// <see cref="FeatureName"/>, and of an attention its queries, keys and values as heads, tokens, width of a head.
    /// </summary>
    public IEnumerable<Feature> Features()
    {
        foreach (var (place, (layer, input, output)) in Walk().Index().SkipLast(1))
        {
            if (layer is Layer.Attention attention)
            {
                int[] heads = [attention.Heads, input[0], output[1] / attention.Heads];
                foreach (var part in AttentionParts) yield return new Feature($"{FeatureName(place)}.{part}", heads, ChannelsLast: true);
            }
            yield return new Feature(FeatureName(place), output, ChannelsLast: Vocabulary is not null && output.Count > 1);
        }
    }

    /// <summary>What an attention shows beside its output, by name behind its own.</summary>
    public static readonly IReadOnlyList<string> AttentionParts = ["query", "key", "value"];

    /// <summary>Name of what the layer at <paramref name="place"/> (from 0) gives: layers are counted from 1.</summary>
    public static string FeatureName(int place) => $"layer{place + 1}";

    private static IReadOnlyList<int> ShapeBehind(Layer layer, IReadOnlyList<int> input) => layer switch
    {
        Layer.Convolution convolution => [convolution.Channels, .. Strided(input, convolution.Stride)],
        Layer.Depthwise depthwise => [input[0], .. Strided(input, depthwise.Stride)],
        Layer.MaxPool pool => [input[0], .. input.Skip(1).Select(extent => extent / pool.Size)],
        Layer.GlobalAverage => [input[0]],
        Layer.Flatten => [input.Aggregate(1, (product, extent) => product * extent)],
        Layer.Dense dense => [dense.Units],
        Layer.Classifier classifier => [classifier.Classes],
        Layer.Tokens tokens => [input[0], tokens.Width],
        Layer.Linear linear => [input[0], linear.Units],
        Layer.Attention => [input[0], input[1] / 3],
        Layer.TokenMean => [input[1]],
        Layer.Positions or Layer.Gelu or Layer.LayerNormalization or Layer.Remember or Layer.AddRemembered => input,
        _ => throw new NotSupportedException($"Layer {layer} has no shape rule."),
    };

    private static IEnumerable<int> Strided(IReadOnlyList<int> input, int stride) => input.Skip(1).Select(extent => (extent - 1) / stride + 1);

    private static long Weights(Layer.Convolution convolution, IReadOnlyList<int> input) => (long)input[0] * convolution.Channels * Kernel(convolution.Kernel, input);

    private static long Weights(Layer.Depthwise depthwise, IReadOnlyList<int> input) => input[0] * Kernel(depthwise.Kernel, input);

    private static long Kernel(int extent, IReadOnlyList<int> input) => (long)Math.Pow(extent, input.Count - 1);

    private static long Places(IReadOnlyList<int> shape) => shape.Skip(1).Aggregate(1L, (product, extent) => product * extent);
}
