using Fleet.Contracts.Inputs;
using Fleet.Modeling.FrontEnds;
using Fleet.Modeling.Students.Layers;

namespace Fleet.Modeling.Students;

/// <summary>A network as data: what goes in, and its layers.</summary>
/// <param name="Description">Family and width, for reports.</param>
/// <param name="InputShape">Features; channels and length; channels, height and width; or, of token numbers, the length.</param>
/// <param name="Layers">Layers in order; the last is the head.</param>
internal sealed record NetworkPlan(string Description, IReadOnlyList<int> InputShape, IReadOnlyList<Layer> Layers)
{
    /// <summary>Whose numbers the input holds; null when it holds measured values.</summary>
    public Vocabulary? Vocabulary { get; init; }

    /// <summary>What makes its input of what an application gives, in its exported file; null where that is its input.</summary>
    public FrontEnd? FrontEnd { get; init; }

    /// <summary>How a device makes its input of what an application has; null where applications give tensors.</summary>
    public InputForm? InputForm { get; init; }

    /// <summary>Shape of one sample as an application gives it to the exported file.</summary>
    public IReadOnlyList<int> GivenShape => FrontEnd?.InputShape ?? InputShape;

    /// <summary>What it answers with.</summary>
    public Head Head => Layers[^1] as Head
        ?? throw new InvalidOperationException($"The last layer of {Description} is {Layers[^1]}, which is not a head.");

    /// <summary>What its exported file answers with.</summary>
    public IReadOnlyList<HeadOutput> Outputs() => Head.Outputs(Walk().Last().Input);

    /// <summary>Trainable parameters, batch normalization's included.</summary>
    public long Parameters() => Walk().Sum(step => step.Layer.Parameters(step.Input));

    /// <summary>Multiplications and additions, counted as one, for one sample.</summary>
    public long MultiplyAdds() => Walk().Sum(step => step.Layer.MultiplyAdds(step.Input));

    /// <summary>Each layer with the shape of one sample before and behind it.</summary>
    public IEnumerable<(Layer Layer, IReadOnlyList<int> Input, IReadOnlyList<int> Output)> Walk()
    {
        var shape = InputShape;
        foreach (var layer in Layers)
        {
            var output = layer.ShapeBehind(shape);
            yield return (layer, shape, output);
            shape = output;
        }
    }

    /// <summary>
    /// What a <see cref="FeatureTap"/> can ask this network for: the output of each layer behind its activation, by
    /// <see cref="FeatureName"/>, and the parts that a layer shows beside it.
    /// </summary>
    public IEnumerable<Feature> Features()
    {
        foreach (var (place, (layer, input, output)) in Walk().Index().SkipLast(1))
        {
            foreach (var part in layer.Parts(input))
                yield return new Feature($"{FeatureName(place)}.{part.Name}", part.Shape, ChannelsLast: true);
            yield return new Feature(FeatureName(place), output, ChannelsLast: Vocabulary is not null && output.Count > 1);
        }
    }

    /// <summary>Name of what the layer at <paramref name="place"/> (from 0) gives: layers are counted from 1.</summary>
    public static string FeatureName(int place) => $"layer{place + 1}";
}
