namespace Fleet.Quantization.Evaluation;

/// <summary>
/// Which samples choose and which report. A figure on samples that chose between calibrators, techniques and layers is the best of many
/// and therefore too good; it is told on samples that chose nothing.
/// </summary>
/// <param name="Selection">Numbers of the samples that choose, in rising order.</param>
/// <param name="Report">Numbers of the samples that report, in rising order.</param>
internal sealed record SampleSplit(IReadOnlyList<int> Selection, IReadOnlyList<int> Report)
{
    /// <summary>Seed of the draw: the same samples always fall alike.</summary>
    private const int Seed = 20;

    /// <summary>
    /// Most samples that choose. A share is then known to about one point (one standard error of a half), and the difference of two
    /// variants, which see the same samples, better than that.
    /// </summary>
    private const int MostSelecting = 2_000;

    /// <summary>False where the same samples had to do both.</summary>
    public bool IsHeldOut => !Selection.SequenceEqual(Report);

    /// <summary>What of the samples that report is drawn together.</summary>
    public required SampleClusters Clusters { get; init; }

    /// <summary>Splits samples in halves.</summary>
    /// <param name="samples">Their numbers, in rising order.</param>
    /// <param name="classes">The class of each number, so that each half gets its share of every class; null where
    /// nothing is known.</param>
    /// <param name="sources">What each number came from: what is of one file is alike and stays together; null where each stands by
    /// itself.</param>
    /// <param name="sequence">True for the steps of a sequence: the first half chooses, so that no state flows from what reports.</param>
    public static SampleSplit Of(
        IReadOnlyList<int> samples, IReadOnlyList<long>? classes = null, IReadOnlyList<int>? sources = null, bool sequence = false)
    {
        if (samples.Count < 2) return Shared(samples, classes, sources, sequence);
        var most = Math.Min(samples.Count / 2, MostSelecting);
        if (sequence)
            return new SampleSplit([.. samples.Take(most)], [.. samples.Skip(most)])
            {
                Clusters = SampleClusters.Blocks(samples.Count - most),
            };
        var groups = GroupsOf(samples, classes, sources);
        new Random(Seed).Shuffle(groups);
        var chosen = new List<int>();
        foreach (var group in Spread(groups, classes))
        {
            // A large source that would take more than half is left to report.
            if (chosen.Count + group.Length <= most) chosen.AddRange(group);
        }
        // Two sources, one of them large: the smaller one chooses.
        if (chosen.Count == 0) chosen.AddRange(groups.MinBy(group => group.Length)!);
        chosen.Sort();
        int[] report = [.. samples.Except(chosen)];
        return new SampleSplit(chosen, report) { Clusters = SampleClusters.Of(report, groups) };
    }

    /// <summary>All samples choose and report: where there is one, or where what decides shows in too few of them.</summary>
    /// <inheritdoc cref="Of" path="/param"/>
    public static SampleSplit Shared(
        IReadOnlyList<int> samples, IReadOnlyList<long>? classes = null, IReadOnlyList<int>? sources = null, bool sequence = false)
        => new(samples, samples)
        {
            Clusters = sequence
                ? SampleClusters.Blocks(samples.Count) : SampleClusters.Of(samples, GroupsOf(samples, classes, sources)),
        };

    /// <summary>
    /// What belongs together. The samples of a file that holds all there is stand by themselves: of everything, or of a class, as where
    /// each class has its own file. Kept together they would leave the other half without it.
    /// </summary>
    private static int[][] GroupsOf(IReadOnlyList<int> samples, IReadOnlyList<long>? classes, IReadOnlyList<int>? sources)
    {
        int SourceOf(int sample) => sources?[sample] ?? sample;
        var alone = classes is null ? [] : samples.GroupBy(sample => classes[sample])
            .Where(same => same.Select(SourceOf).Distinct().Count() == 1).Select(same => SourceOf(same.First())).ToHashSet();
        var groups = samples.GroupBy(SourceOf).ToArray();
        return [
            .. groups.SelectMany(group => groups.Length == 1 || alone.Contains(group.Key)
                ? group.Select(sample => new[] { sample }) : [group.ToArray()]),
        ];
    }

    /// <summary>The groups in the order of the draw, each class spread evenly over them.</summary>
    private static IEnumerable<int[]> Spread(int[][] groups, IReadOnlyList<long>? classes) => classes is null ? groups
        : groups.GroupBy(group => classes[group[0]])
            .SelectMany(same => same.Index().Select(one => (At: (one.Index + 0.5) / same.Count(), one.Item)))
            .OrderBy(one => one.At).Select(one => one.Item);
}
