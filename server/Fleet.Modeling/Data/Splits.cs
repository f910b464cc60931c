namespace Fleet.Modeling.Data;

/// <summary>Cuts samples into parts that hold every class in the same proportion, in an order that mixes the classes.</summary>
internal static class Splits
{
    /// <summary>Cuts <paramref name="share"/> of <paramref name="samples"/> off.</summary>
    /// <returns>What remains, and the part cut off; each mixed by <paramref name="random"/>.</returns>
    public static (SampleSet Kept, SampleSet Part) Cut(SampleSet samples, double share, Random random)
    {
        var kept = new List<int>();
        var part = new List<int>();
        foreach (var group in ByClass(samples))
        {
            int[] indices = [.. group];
            random.Shuffle(indices);
            var taken = (int)Math.Round(indices.Length * share, MidpointRounding.AwayFromZero);
            part.AddRange(indices[..taken]);
            kept.AddRange(indices[taken..]);
        }
        return (Pick(samples, kept, random), Pick(samples, part, random));
    }

    /// <summary>At most <paramref name="count"/> samples, every class in proportion. All of them, in their order, when there are no more.</summary>
    public static SampleSet Subset(SampleSet samples, int count, Random random)
    {
        if (count >= samples.Count) return samples;
        var (_, part) = Cut(samples, (double)count / samples.Count, random);
        // Rounding class by class can give a few more or fewer; more are cut, fewer are what they are.
        return part.Take(count);
    }

    private static IEnumerable<IGrouping<long, int>> ByClass(SampleSet samples)
        => Enumerable.Range(0, samples.Count).GroupBy(index => samples.Labels[index]).OrderBy(group => group.Key);

    private static SampleSet Pick(SampleSet samples, List<int> indices, Random random)
    {
        int[] order = [.. indices];
        random.Shuffle(order);
        var inputs = new float[order.Length * samples.SampleLength];
        for (var i = 0; i < order.Length; i++) samples.Sample(order[i]).CopyTo(inputs.AsSpan(i * samples.SampleLength));
        return samples with { Inputs = inputs, Labels = [.. order.Select(index => samples.Labels[index])] };
    }
}
