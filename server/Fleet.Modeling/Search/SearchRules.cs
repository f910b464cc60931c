using Fleet.Modeling.Training;

namespace Fleet.Modeling.Search;

/// <summary>Who goes on to the next rung and who is taken. Pure.</summary>
internal static class SearchRules
{
    /// <summary>The field in the order of its losses, the least first.</summary>
    public static IReadOnlyList<(Candidate Candidate, CandidateResult Result)> Ranked(
        IEnumerable<(Candidate Candidate, CandidateResult Result)> field) => [.. field.OrderBy(one => one.Result.Rung.Loss)];

    /// <summary>
    /// The first of each family, then the second of each, and so on, each time in the order given: what is better after a few steps is not
    /// what is better after all of them, and a family that learns fast would leave no room for others.
    /// </summary>
    public static IEnumerable<Candidate> ByFamily(IEnumerable<Candidate> ranked)
        => ranked.GroupBy(candidate => candidate.Student.Family).SelectMany(family => family.Index())
            .OrderBy(one => one.Index).Select(one => one.Item);

    /// <summary>
    /// The one that is built: that of the least loss, unless a smaller one cannot be told from it, that is, its loss is larger by less than
    /// the standard error of the difference and its figure is as good.
    /// </summary>
    public static Candidate Choose(IReadOnlyList<(Candidate Candidate, CandidateResult Result)> finalists)
    {
        var ranked = Ranked(finalists);
        var best = ranked[0];
        return ranked.Where(other => other.Candidate.Cost.Bytes <= best.Candidate.Cost.Bytes && IsAsGood(other.Result, best.Result))
            .MinBy(one => one.Candidate.Cost.Bytes).Candidate;
    }

    /// <summary>
    /// The first, or of those whose losses are below its own by more than chance, and whose figure is as good, the one of the least.
    /// </summary>
    /// <param name="field">Not empty.</param>
    /// <param name="origins">What each sample is of; null where each stands for itself.</param>
    public static Candidate Surest(IReadOnlyList<(Candidate Candidate, CandidateResult Result)> field, int[]? origins)
    {
        IReadOnlyList<double> LossesOf(CandidateResult result) => PairedLosses.ByOrigin(result.Losses, origins);
        return field.Where((one, place) => place == 0
            || (PairedLosses.IsSurelyBetter(LossesOf(one.Result), LossesOf(field[0].Result))
                && one.Result.Rung.Figure.Goodness() >= field[0].Result.Rung.Figure.Goodness()))
            .MinBy(one => one.Result.Rung.Loss).Candidate;
    }

    private static bool IsAsGood(CandidateResult other, CandidateResult best)
    {
        var (difference, error) = PairedLosses.Compared(other.Losses, best.Losses);
        return difference <= error && other.Rung.Figure.Goodness() >= best.Rung.Figure.Goodness();
    }
}
