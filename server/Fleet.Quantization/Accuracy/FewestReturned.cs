using System.Globalization;

namespace Fleet.Quantization.Accuracy;

/// <summary>
/// Finds how few operators need to return to float, worst first. Counts are doubled until one is enough, then halved back: of
/// hundreds of operators a dozen counts are tried.
/// </summary>
/// <param name="search">The recipe that makes the models.</param>
/// <param name="ranking">The operators, the worst first.</param>
/// <param name="kept">What an operator keeps that is not quantized, in words.</param>
/// <param name="say">Told what is tried.</param>
/// <param name="cancellationToken">Stops between models.</param>
internal sealed class FewestReturned(
    RecipeSearch search, IReadOnlyList<RankedOperator> ranking, string kept, Action<string>? say, CancellationToken cancellationToken)
{
    /// <summary>Most of the operators that may return to float; past it the scheme does not suit the model.</summary>
    private const double MaximumShare = 0.5;

    private ControlledModel _best = search.Best;

    /// <summary>When it takes the best so far.</summary>
    public Deadline Deadline { get; init; } = Deadline.None;

    /// <summary>
    /// The model with the fewest operators returned that loses at most <paramref name="maximumLoss"/>, or the one that comes nearest.
    /// </summary>
    public ControlledModel Find(double maximumLoss)
    {
        // What techniques find of the model is found again for the layers that remain alone, not for each count that is tried.
        var rough = FindRoughly(maximumLoss);
        if (search.Recipe.Techniques.Count == 0 || rough.Returned.Count == 0 || Deadline.HasPassed) return rough;
        var exact = Returning(rough.Returned.Count, search.With, ", made exactly");
        return exact?.Judged.Loss <= rough.Judged.Loss ? exact : rough;
    }

    private ControlledModel FindRoughly(double maximumLoss)
    {
        var most = (int)(ranking.Count * MaximumShare);
        var (low, high) = (0, 0);
        while (high == 0 && low < most && !Deadline.HasPassed)
        {
            var count = Math.Min(Math.Max(1, low * 2), most);
            if (Returning(count, search.Roughly) is not { } attempt) break;
            if (attempt.Judged.Loss < _best.Judged.Loss) _best = attempt;
            if (attempt.Judged.Loss <= maximumLoss) high = count;
            else low = count;
        }
        while (high - low > 1 && !Deadline.HasPassed)
        {
            var middle = (low + high) / 2;
            if (Returning(middle, search.Roughly) is not { } attempt) break;
            if (attempt.Judged.Loss <= maximumLoss) (_best, high) = (attempt, middle);
            else low = middle;
        }
        return _best;
    }

    /// <summary>The model with so many returned; null where time was up before it was made.</summary>
    private ControlledModel? Returning(int count, Func<IReadOnlySet<string>, ControlledModel> make, string how = "")
    {
        say?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{count} of {ranking.Count} layers in {kept}{how}"));
        RankedOperator[] first = [.. ranking.Take(count)];
        if (Deadline.Within(() => make(first.Select(ranked => ranked.Output).ToHashSet()), cancellationToken) is not { } attempt)
            return null;
        var won = search.Best.Judged.Loss - attempt.Judged.Loss;
        var all = first.Sum(ranked => ShareOf(ranked.Gain));
        return attempt with
        {
            Returned = [
                .. first.Select(ranked => new ReturnedOperator(ranked.Output, ranked.Gain, all > 0 ? won * ShareOf(ranked.Gain) / all : 0)),
            ],
        };
    }

    private static double ShareOf(double gain) => 1 - Math.Pow(10, -gain / 10);
}
