namespace Fleet.Modeling.Data;

/// <summary>What a reader found in a file, before it is checked and shaped.</summary>
/// <param name="Source">File it came from, for messages.</param>
/// <param name="Inputs">All values, sample by sample.</param>
/// <param name="SampleShape">Extents of one sample as the file has them.</param>
/// <param name="Labels">Label of each sample.</param>
/// <param name="LabelNames">Names the labels count into, where the file has names rather than numbers.</param>
internal sealed record RawSamples(string Source, float[] Inputs, IReadOnlyList<int> SampleShape, long[] Labels, IReadOnlyList<string>? LabelNames = null)
{
    /// <summary>Whose numbers the values are, of texts; null for measured values.</summary>
    public Vocabulary? Vocabulary { get; init; }
}
