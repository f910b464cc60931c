using System.Globalization;
using Fleet.Contracts.Tasks;

namespace Fleet.Quantization.Accuracy;

/// <summary>
/// Finds how few operators need to return to float, worst first. Of hundreds of operators a few counts are tried.
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
        var counts = new CountSearch(ranking, (int)(ranking.Count * MaximumShare));
        var (judged, count) = (search.Best.Judged, 0);
        while (!counts.IsOver && !Deadline.HasPassed)
        {
            count = counts.Next(judged.Figure.Name == Metric.SignalToNoise.Name ? judged.Loss - maximumLoss : null, count);
            if (Returning(count) is not { } attempt) break;
            judged = attempt.Judged;
            var isEnough = judged.Loss <= maximumLoss;
            if (isEnough || judged.Loss < _best.Judged.Loss) _best = attempt;
            counts.Found(count, isEnough);
        }
        return _best;
    }

    /// <summary>The model with so many returned; null where time was up before it was made.</summary>
    private ControlledModel? Returning(int count)
    {
        say?.Invoke(string.Create(CultureInfo.InvariantCulture, $"{count} of {ranking.Count} layers in {kept}"));
        RankedOperator[] first = [.. ranking.Take(count)];
        if (Deadline.Within(() => search.Roughly(first.Select(ranked => ranked.Output).ToHashSet()), cancellationToken) is not { } attempt)
            return null;
        var won = search.Best.Judged.Loss - attempt.Judged.Loss;
        var all = first.Sum(ranked => CountSearch.ShareOf(ranked.Gain));
        return attempt with
        {
            Returned = [
                .. first.Select(ranked => new ReturnedOperator(
                    ranked.Output, ranked.Gain, all > 0 ? won * CountSearch.ShareOf(ranked.Gain) / all : 0)),
            ],
        };
    }
}
