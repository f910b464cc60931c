namespace Fleet.Modeling.Data;

/// <summary>
/// Cuts samples into parts that hold every class in the same proportion, in an order that mixes the classes. Samples of one
/// origin stay together: a model that has seen half of a machine's life knows the other half.
/// </summary>
internal static class Splits
{
    /// <summary>Cuts <paramref name="share"/> of <paramref name="samples"/> off.</summary>
    /// <returns>What remains, and the part cut off; each mixed by <paramref name="random"/>.</returns>
    public static (SampleSet Kept, SampleSet Part) Cut(SampleSet samples, double share, Random random)
    {
        var (kept, part) = CutNumbers(samples, share, random);
        return (samples.Pick(kept), samples.Pick(part));
    }

    /// <summary>Cuts the last <paramref name="share"/> of <paramref name="samples"/> off, both parts in their order.</summary>
    public static (SampleSet Kept, SampleSet Part) CutLast(SampleSet samples, double share)
    {
        var kept = samples.Count - Rounded(samples.Count * share);
        return (samples.Take(kept), samples.Pick([.. Enumerable.Range(kept, samples.Count - kept)]));
    }

    /// <summary>
    /// Cuts <paramref name="share"/> of the normal samples off, and of anomalies, from which nothing is learned, at most as many: a ranking
    /// by chance then has a precision of one half. What remains is normal.
    /// </summary>
    /// <param name="samples">Samples with <see cref="AnomalyLabels"/>.</param>
    /// <param name="share">Share of the normal ones.</param>
    /// <param name="byTime">True where the last of them are cut off.</param>
    /// <param name="random">Mixes.</param>
    public static (SampleSet Kept, SampleSet Part) CutNormal(SampleSet samples, double share, bool byTime, Random random)
    {
        var labels = (AnomalyLabels)samples.Labels;
        int[] normal = [.. Enumerable.Range(0, samples.Count).Where(sample => labels.Numbers[sample] == 0)];
        int[] anomalies = [.. Enumerable.Range(0, samples.Count).Where(sample => labels.Numbers[sample] > 0)];
        var (kept, part) = byTime
            ? (Enumerable.Range(0, normal.Length - Rounded(normal.Length * share)).ToArray(),
                Enumerable.Range(normal.Length - Rounded(normal.Length * share), Rounded(normal.Length * share)).ToArray())
            : CutNumbers(WithoutInputs(samples, normal), share, random);
        var drawn = SubsetNumbers(WithoutInputs(samples, anomalies), part.Length, random);
        return (samples.Pick([.. kept.Select(place => normal[place])]),
            samples.Pick(Mixed([.. part.Select(place => normal[place]), .. drawn.Select(place => anomalies[place])], random)));
    }

    // Who only counts through samples needs no copy of their values.
    private static SampleSet WithoutInputs(SampleSet samples, int[] numbers)
        => new(Array.Empty<float>(), samples.SampleShape, samples.Labels.Pick(numbers))
        {
            Origins = samples.Origins is { } origins ? Array.ConvertAll(numbers, number => origins[number]) : null,
        };

    /// <summary>Normal samples alone.</summary>
    public static SampleSet Normal(SampleSet samples)
    {
        var labels = (AnomalyLabels)samples.Labels;
        return labels.Anomalies == 0 ? samples
            : samples.Pick([.. Enumerable.Range(0, samples.Count).Where(sample => labels.Numbers[sample] == 0)]);
    }

    /// <summary>
    /// At most <paramref name="count"/> samples, every class in proportion. All of them, in their order, when there are no more.
    /// </summary>
    public static SampleSet Subset(SampleSet samples, int count, Random random)
        => count >= samples.Count ? samples : samples.Pick(SubsetNumbers(samples, count, random));

    /// <summary>The numbers of such samples.</summary>
    public static IReadOnlyList<int> SubsetNumbers(SampleSet samples, int count, Random random)
    {
        if (count >= samples.Count) return [.. Enumerable.Range(0, samples.Count)];
        // Where few samples are no normal ones, a part without any could not be judged.
        var (_, part) = CutNumbers(
            samples with { Origins = null }, (double)count / samples.Count, random, least: samples.Labels is AnomalyLabels ? 1 : 0);
        // Rounding class by class can give a few more or fewer; more are cut, fewer are what they are.
        return [.. part.Take(count)];
    }

    /// <summary>So many samples as a share of them makes.</summary>
    public static int Rounded(double samples) => (int)Math.Round(samples, MidpointRounding.AwayFromZero);

    private static (int[] Kept, int[] Part) CutNumbers(SampleSet samples, double share, Random random, int least = 0)
    {
        var kept = new List<int>();
        var part = new List<int>();
        // Of many small groups each would be rounded to nothing: what is left of one is carried on to the next.
        var (carries, seen, cut) = (samples.Labels is LabelSets, 0, 0);
        foreach (var group in Groups(samples))
        {
            int[][] units = [.. group];
            random.Shuffle(units);
            seen += units.Length;
            var taken = Math.Clamp(carries ? Rounded(seen * share) - cut : Rounded(units.Length * share), least, units.Length);
            cut += taken;
            part.AddRange(units[..taken].SelectMany(unit => unit));
            kept.AddRange(units[taken..].SelectMany(unit => unit));
        }
        return (Mixed(kept, random), Mixed(part, random));
    }

    // What is cut: the samples of an origin together, or each sample alone; in groups that are cut alike.
    private static IEnumerable<IEnumerable<int[]>> Groups(SampleSet samples)
    {
        var all = Enumerable.Range(0, samples.Count);
        if (samples.Origins is { } origins)
            return [all.GroupBy(sample => origins[sample]).OrderBy(origin => origin.Key).Select(origin => origin.ToArray())];
        return all.GroupBy(samples.Labels.GroupOf).OrderBy(group => group.Key).Select(group => group.Select(sample => new[] { sample }));
    }

    private static int[] Mixed(List<int> numbers, Random random)
    {
        int[] order = [.. numbers];
        random.Shuffle(order);
        return order;
    }
}
