namespace Fleet.Quantization.Evaluation;

/// <summary>
/// Samples that a bootstrap draws together, because they are alike: those of one file, and neighbours of a sequence. Drawn one by one they
/// would pass for more than they tell, and intervals would be too narrow.
/// </summary>
/// <param name="Samples">How many samples there are.</param>
/// <param name="Places">Numbers of the samples of each cluster, from 0 to <paramref name="Samples"/> - 1.</param>
/// <param name="Drawn">How many clusters are as many samples as there are.</param>
internal sealed record SampleClusters(int Samples, IReadOnlyList<int[]> Places, int Drawn)
{
    /// <summary>Each sample by itself.</summary>
    public static SampleClusters Single(int samples)
        => new(samples, [.. Enumerable.Range(0, samples).Select(place => new[] { place })], samples);

    /// <summary>
    /// Some of the groups' samples. Fewer groups than tell how they scatter are no groups: an interval then says nothing of other files.
    /// </summary>
    /// <param name="samples">The samples that are drawn from.</param>
    /// <param name="groups">What belongs together; each group is among the samples as a whole or not at all.</param>
    public static SampleClusters Of(IReadOnlyList<int> samples, IEnumerable<int[]> groups)
    {
        var place = samples.Index().ToDictionary(one => one.Item, one => one.Index);
        int[][] within = [
            .. groups.Where(group => place.ContainsKey(group[0])).Select(group => Array.ConvertAll(group, one => place[one])),
        ];
        return within.Length < Bootstrap.FewestSamples ? Single(samples.Count) : new(samples.Count, within, within.Length);
    }

    /// <summary>
    /// Every run of neighbours, the end followed by the beginning, about as long as the cube root of the samples' number (Politis and
    /// Romano, A circular block-resampling procedure for stationary data, in Exploring the Limits of Bootstrap, 1992; the length: Hall,
    /// Horowitz and Jing, On blocking rules for the bootstrap with dependent data, Biometrika 82, 1995).
    /// </summary>
    public static SampleClusters Blocks(int samples)
    {
        var length = Math.Max(1, (int)Math.Round(Math.Cbrt(samples)));
        return new(samples, [
            .. Enumerable.Range(0, samples).Select(first => Enumerable.Range(first, length).Select(place => place % samples).ToArray()),
        ], Math.Max(1, samples / length));
    }
}
