namespace Fleet.Quantization.Accuracy;

/// <summary>
/// Says how many operators, the worst first, to return to float next. Their errors add up as powers, so that what is won can be told before
/// it is tried, and every model that is tried corrects what the next is expected to be. Where the ranking expects right, one model is made
/// that is good enough and one with an operator fewer; where it does not, the rest is halved.
/// </summary>
/// <param name="ranking">The operators, the worst first.</param>
/// <param name="most">Most that may return.</param>
internal sealed class CountSearch(IReadOnlyList<RankedOperator> ranking, int most)
{
    /// <summary>So little remains of the error where the ranking says that nothing does.</summary>
    private const double Remainder = 1e-9;

    private readonly double[] _won = Won(ranking);
    private int _low, _high;
    private bool _isSlow;

    /// <summary>True when one fewer than enough, or the most that may be, was tried.</summary>
    public bool IsOver => _high > 0 ? _high - _low == 1 : _low == most;

    /// <summary>The share of the whole error that operators make which by themselves make so many decibels of it.</summary>
    public static double ShareOf(double gain) => 1 - Math.Pow(10, -gain / 10);

    /// <summary>The next count, of which nothing is expected where no decibels decide: counts are doubled then, and halved back.</summary>
    /// <param name="lacking">Decibels that lack with <paramref name="returned"/> operators returned; null where others decide.</param>
    /// <param name="returned">How many that were.</param>
    public int Next(double? lacking, int returned)
    {
        var last = _high > 0 ? _high - 1 : most;
        if (lacking is not { } decibels || _isSlow)
            return _high > 0 ? (_low + _high) / 2 : Math.Min(Math.Max(1, _low * 2), most);
        var count = _low + 1;
        while (count < last && _won[count] - _won[returned] < decibels) count++;
        return count;
    }

    /// <summary>Takes what was found of a count.</summary>
    public void Found(int count, bool isEnough)
    {
        var (low, high) = (_low, _high);
        if (isEnough) _high = count;
        else _low = count;
        // A guess that took away less than half, or was not enough twice, is not followed by another.
        _isSlow = high > 0 ? 2 * (_high - _low) > high - low : low > 0 && !isEnough;
    }

    /// <summary>By count, the decibels that returning so many wins.</summary>
    private static double[] Won(IReadOnlyList<RankedOperator> ranking)
    {
        var (won, left) = (new double[ranking.Count + 1], 1.0);
        for (var i = 0; i < ranking.Count; i++)
        {
            left -= ShareOf(ranking[i].Gain);
            won[i + 1] = -10 * Math.Log10(Math.Max(left, Remainder));
        }
        return won;
    }
}
