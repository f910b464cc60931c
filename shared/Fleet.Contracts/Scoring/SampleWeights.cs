namespace Fleet.Contracts.Scoring;

/// <summary>How often each sample counts in a figure: once each, or as often as a resampling drew it.</summary>
/// <param name="Times">For each sample, 0 or more; null counts each once.</param>
public readonly record struct SampleWeights(int[]? Times)
{
    /// <summary>Each sample once.</summary>
    public static SampleWeights Equal => default;

    /// <summary>How often a sample counts.</summary>
    public int this[int sample] => Times is null ? 1 : Times[sample];
}
