namespace Fleet.Server.Canary;

/// <summary>Where a candidate stands among devices that it could be exchanged with: incumbents, and candidates read before it.</summary>
internal readonly record struct Placement
{
    /// <summary>Incumbents beyond it: with a higher score.</summary>
    public required int Beyond { get; init; }

    /// <summary>Incumbents with the very same score.</summary>
    public required int Ties { get; init; }

    /// <summary>Incumbents in all.</summary>
    public required int Incumbents { get; init; }

    /// <summary>Candidates read before it.</summary>
    public required int Candidates { get; init; }

    /// <summary>Those of them that stand between the same two incumbents; when it ties, those just beyond the tie.</summary>
    public required int Beside { get; init; }

    /// <summary>When it ties: those of them that tie as well.</summary>
    public int Tied { get; init; }

    /// <summary>When it ties: those of them that stand just below the tie.</summary>
    public int Below { get; init; }

    /// <summary>Finds the place of a score.</summary>
    /// <param name="score">The candidate's score.</param>
    /// <param name="incumbents">Scores of incumbents, ascending.</param>
    /// <param name="candidates">Scores of candidates read before it, in any order.</param>
    public static Placement Of(double score, double[] incumbents, double[] candidates)
    {
        var (from, to) = GapsOf(score, incumbents);
        int beside = 0, tied = 0, below = 0;
        foreach (var other in candidates)
        {
            // One that ties with an incumbent may stand on either side of it, and is counted on both.
            var (lowest, highest) = GapsOf(other, incumbents);
            if (to > from && other == score) tied++;
            else if (lowest <= to && to <= highest) beside++;
            else if (lowest <= from && from <= highest) below++;
        }
        return new Placement
        {
            Beyond = incumbents.Length - to,
            Ties = to - from,
            Incumbents = incumbents.Length,
            Candidates = candidates.Length,
            Beside = beside,
            Tied = tied,
            Below = below,
        };
    }

    /// <summary>
    /// The likelihood ratio of standing here: of Lehmann's alternative with an exponent to a place that is chance. Its mean over all places
    /// is 1; with a tie, a little less.
    /// </summary>
    public double Ratio(double exponent)
    {
        var places = Incumbents + Candidates + 1.0;
        if (Ties == 0) return places * Mass(Beyond, 1, exponent) / (1 + Beside);
        var mass = Mass(Beyond, 1, exponent) / (1 + Beside) + Mass(Beyond + 1, Ties - 1, exponent)
            + Mass(Beyond + Ties, 1, exponent) / (1 + Below);
        return places * mass / (1 + Ties + Tied);
    }

    /// <summary>What the alternative gives to gaps between incumbents, counted from the highest.</summary>
    private double Mass(int gap, int gaps, double exponent)
        => Math.Pow((gap + gaps) / (Incumbents + 1.0), exponent) - Math.Pow(gap / (Incumbents + 1.0), exponent);

    /// <summary>The gaps a score may stand in, by the incumbents below them: one, or those around the incumbents it ties with.</summary>
    private static (int Lowest, int Highest) GapsOf(double score, double[] incumbents)
    {
        var lowest = FirstAtLeast(incumbents, score);
        var highest = lowest;
        while (highest < incumbents.Length && incumbents[highest] == score) highest++;
        return (lowest, highest);
    }

    private static int FirstAtLeast(double[] scores, double score)
    {
        var (low, high) = (0, scores.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (scores[middle] < score) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
