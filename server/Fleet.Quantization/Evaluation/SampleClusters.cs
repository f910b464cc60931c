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
    /// <summary>Places of all runs of neighbours together.</summary>
    private const long MostPlaces = 4L << 20;

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
    /// Every run of neighbours, the end followed by the beginning (Politis and Romano, A circular block-resampling procedure for
    /// stationary data, in Exploring the Limits of Bootstrap, 1992). A state carries an error on for hundreds of steps, so that a run is as
    /// long as an automatic choice may make it: three roots of the samples' number, and a third of it at most (Politis and White, Automatic
    /// block-length selection for the dependent bootstrap, Econometric Reviews 23, 2004).
    /// </summary>
    public static SampleClusters Blocks(int samples)
    {
        var length = Math.Max(1, Math.Min((int)Math.Ceiling(3 * Math.Sqrt(samples)), samples / Bootstrap.FewestSamples));
        // Of many samples every few begin a run, so that all runs together take no more memory than so many places.
        var apart = (int)((long)samples * length / MostPlaces) + 1;
        return new(samples, [
            .. Enumerable.Range(0, samples / apart).Select(
                run => Enumerable.Range(run * apart, length).Select(place => place % samples).ToArray()),
        ], Math.Max(1, samples / length));
    }
}
