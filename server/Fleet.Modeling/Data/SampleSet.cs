namespace Fleet.Modeling.Data;

/// <summary>Labelled samples in memory, one after the other.</summary>
/// <param name="Inputs">All values, sample by sample, last axis fastest.</param>
/// <param name="SampleShape">Extents of one sample without the batch: channels and length, or channels, height and width.</param>
/// <param name="Labels">Class index of each sample.</param>
internal sealed record SampleSet(float[] Inputs, IReadOnlyList<int> SampleShape, long[] Labels)
{
    /// <summary>Values of one sample.</summary>
    public int SampleLength { get; } = SampleShape.Aggregate(1, (product, extent) => product * extent);

    /// <summary>Samples.</summary>
    public int Count => Labels.Length;

    /// <summary>The values of one sample.</summary>
    public ReadOnlySpan<float> Sample(int index) => Inputs.AsSpan(index * SampleLength, SampleLength);

    /// <summary>The first <paramref name="count"/> samples, or all when there are fewer.</summary>
    public SampleSet Take(int count) => count >= Count ? this : this with { Inputs = Inputs[..(count * SampleLength)], Labels = Labels[..count] };
}
