namespace Fleet.Contracts.Scoring;

/// <summary>
/// Samples by falling score, and how well that tells those that are sought from the others, wherever a bound on the score lies. Samples of
/// equal scores are passed together: their order is chance. Sorted once, asked often.
/// </summary>
public sealed class Ranking
{
    private readonly int[] _order;
    private readonly bool[] _sought;
    private readonly float[] _scores;

    /// <param name="scores">A score for each sample; what is not a number counts as the highest.</param>
    /// <param name="sought">True for those that are sought.</param>
    /// <exception cref="ArgumentException">There are not as many of one as of the other.</exception>
    public Ranking(IEnumerable<float> scores, IEnumerable<bool> sought)
    {
        _scores = [.. scores.Select(score => float.IsNaN(score) ? float.PositiveInfinity : score)];
        _sought = [.. sought];
        if (_scores.Length != _sought.Length)
            throw new ArgumentException($"There are {_scores.Length} scores for {_sought.Length} samples.");
        _order = [.. Enumerable.Range(0, _scores.Length)];
        Array.Sort(_order, (one, other) => _scores[other].CompareTo(_scores[one]));
    }

    /// <summary>
    /// Area below the receiver operating characteristic, 0 to 1: the share of pairs of one that is sought and one that is not in which the
    /// sought one has the higher score, equal ones by half (Hanley, McNeil, Radiology 143, 1982). Not a number where either is missing.
    /// </summary>
    public double RocAuc(SampleWeights weights = default)
    {
        var (found, others, area) = (0L, 0L, 0.0);
        foreach (var (more, less) in Groups(weights))
        {
            area += less * (found + more / 2.0);
            (found, others) = (found + more, others + less);
        }
        return area / ((double)found * others);
    }

    /// <summary>
    /// Area below precision over recall as the bound falls, in steps, 0 to 1: the mean of the precision where each one that is sought is
    /// found (scikit-learn, <c>average_precision_score</c>). Not a number where none is sought.
    /// </summary>
    public double AveragePrecision(SampleWeights weights = default)
    {
        var (found, passed, area) = (0L, 0L, 0.0);
        foreach (var (more, less) in Groups(weights))
        {
            (found, passed) = (found + more, passed + more + less);
            if (more > 0) area += (double)more * found / passed;
        }
        return area / found;
    }

    /// <summary>Precision and recall as the bound falls, at most <paramref name="most"/> points; empty where none is sought.</summary>
    public IReadOnlyList<PrecisionAtRecall> Curve(int most)
    {
        var points = new List<PrecisionAtRecall>();
        var (found, passed, all) = (0L, 0L, _sought.Count(one => one));
        foreach (var (more, less) in Groups(default))
        {
            (found, passed) = (found + more, passed + more + less);
            points.Add(new PrecisionAtRecall(all == 0 ? 0 : (double)found / all, (double)found / passed));
            // From there on only precision falls.
            if (found == all) break;
        }
        if (all == 0 || points.Count <= most) return all == 0 ? [] : points;
        return [.. Enumerable.Range(0, most).Select(place => points[(int)((long)place * (points.Count - 1) / (most - 1))])];
    }

    // How many of those that are sought, and of the others, have the next lower score.
    private IEnumerable<(long Sought, long Others)> Groups(SampleWeights weights)
    {
        for (var place = 0; place < _order.Length;)
        {
            var (score, more, less) = (_scores[_order[place]], 0L, 0L);
            for (; place < _order.Length && _scores[_order[place]] == score; place++)
            {
                var sample = _order[place];
                if (_sought[sample]) more += weights[sample];
                else less += weights[sample];
            }
            if (more + less > 0) yield return (more, less);
        }
    }
}

/// <summary>One point of a curve of precision over recall.</summary>
/// <param name="Recall">Share of those sought that is found, 0 to 1.</param>
/// <param name="Precision">Share of what is found that is sought, 0 to 1.</param>
public sealed record PrecisionAtRecall(double Recall, double Precision);
