namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// The last layer of a network, which gives its answer: one row of numbers for each sample while it is trained, and one or more named
/// outputs in the exported file, which together hold the same numbers in the same order.
/// </summary>
internal abstract record Head : WeightedLayer
{
    /// <summary>What the exported file answers with.</summary>
    /// <param name="input">Shape of one sample before the layer.</param>
    public abstract IReadOnlyList<HeadOutput> Outputs(IReadOnlyList<int> input);

    /// <inheritdoc/>
    public sealed override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input)
        => [Outputs(input).Sum(output => output.Shape.Aggregate(1, (product, extent) => product * extent))];
}
