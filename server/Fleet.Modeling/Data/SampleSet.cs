namespace Fleet.Modeling.Data;

/// <summary>Labelled samples in memory, one after the other.</summary>
/// <param name="Inputs">All values, sample by sample, last axis fastest.</param>
/// <param name="SampleShape">Extents of one sample without the batch: channels and length, channels, height and width, or a length of tokens.</param>
/// <param name="Labels">Class index of each sample.</param>
internal sealed record SampleSet(float[] Inputs, IReadOnlyList<int> SampleShape, long[] Labels)
{
    /// <summary>
    /// Whose numbers the values are; null for measured values. Numbers of tokens are kept as floats like everything else,
    /// exact up to 16,777,216, and become 64-bit integers where a model is fed.
    /// </summary>
    public Vocabulary? Vocabulary { get; init; }

    /// <summary>Values of one sample.</summary>
    public int SampleLength { get; } = SampleShape.Aggregate(1, (product, extent) => product * extent);

    /// <summary>Samples.</summary>
    public int Count => Labels.Length;

    /// <summary>The values of one sample.</summary>
    public ReadOnlySpan<float> Sample(int index) => Inputs.AsSpan(index * SampleLength, SampleLength);

    /// <summary>The first <paramref name="count"/> samples, or all when there are fewer.</summary>
    public SampleSet Take(int count) => count >= Count ? this : this with { Inputs = Inputs[..(count * SampleLength)], Labels = Labels[..count] };
}
