namespace Fleet.Modeling.Data;

/// <summary>
/// Cuts samples into parts of the same size that are held out in turn (cross-validation: Stone, 1974), every class in proportion. Samples
/// of one thing, such as a machine, stay together.
/// </summary>
internal static class Folds
{
    /// <summary>Most parts that can be cut: samples, or the things that they are of.</summary>
    public static int Most(SampleSet samples) => samples.Origins?.Distinct().Count() ?? samples.Count;

    /// <summary>The parts, without those that no sample falls into.</summary>
    /// <param name="samples">Cut.</param>
    /// <param name="count">Parts, at least 2.</param>
    /// <param name="seed">Seed of the cut: the same one cuts alike.</param>
    /// <returns>Numbers of the samples to learn from and of those held out, both in order.</returns>
    public static IReadOnlyList<(int[] Training, int[] HeldOut)> Of(SampleSet samples, int count, int seed)
    {
        var folds = FoldOfEach(samples, count, new Random(seed));
        int[] Where(Func<int, bool> isMeant) => [.. Enumerable.Range(0, folds.Length).Where(sample => isMeant(folds[sample]))];
        return [
            .. Enumerable.Range(0, count).Select(fold => (Training: Where(other => other != fold), HeldOut: Where(own => own == fold)))
                .Where(part => part.Training.Length > 0 && part.HeldOut.Length > 0),
        ];
    }

    private static int[] FoldOfEach(SampleSet samples, int count, Random random)
    {
        var folds = new int[samples.Count];
        var units = Enumerable.Range(0, samples.Count)
            .GroupBy(sample => samples.Origins is { } origins ? origins[sample] : sample)
            .GroupBy(unit => samples.Labels.GroupOf(unit.First()))
            .OrderBy(group => group.Key);
        // Dealt on from group to group, so that the parts of many small groups are as large as each other.
        var next = 0;
        foreach (var group in units)
        {
            int[][] ofGroup = [.. group.Select(unit => unit.ToArray())];
            random.Shuffle(ofGroup);
            foreach (var unit in ofGroup)
            {
                foreach (var sample in unit) folds[sample] = next % count;
                next++;
            }
        }
        return folds;
    }
}
