namespace Fleet.Contracts.Telemetry;

/// <summary>Numbers seen over an interval, in a form that merges: how many, their mean, their deviation and their range.</summary>
/// <param name="Count">How many.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Root of the mean of their squared distance from the mean.</param>
/// <param name="Minimum">The smallest.</param>
/// <param name="Maximum">The largest.</param>
public sealed record ValueStats(long Count, double Mean, double Deviation, double Minimum, double Maximum)
{
    /// <summary>Nothing seen.</summary>
    public static readonly ValueStats None = new(0, 0, 0, 0, 0);

    /// <summary>Columns of both together; a column that one of them lacks is the other's.</summary>
    public static IReadOnlyList<ValueStats>? Merge(IReadOnlyList<ValueStats>? one, IReadOnlyList<ValueStats>? other)
        => one is null ? other : other is null ? one
            : [
                .. Enumerable.Range(0, Math.Max(one.Count, other.Count))
                    .Select(column => (one.ElementAtOrDefault(column) ?? None).Merge(other.ElementAtOrDefault(column) ?? None)),
            ];

    /// <summary>Both together (Chan, Golub, LeVeque 1983): exact but for rounding, whatever the order.</summary>
    public ValueStats Merge(ValueStats other)
    {
        if (other.Count == 0) return this;
        if (Count == 0) return other;
        double count = (double)Count + other.Count, difference = other.Mean - Mean;
        var squares = Count * Deviation * Deviation + other.Count * other.Deviation * other.Deviation
            + difference * difference * Count * (other.Count / count);
        var merged = new ValueStats(
            CountSum.Of(Count, other.Count), Mean + difference * (other.Count / count),
            Math.Sqrt(squares / count), Math.Min(Minimum, other.Minimum), Math.Max(Maximum, other.Maximum));
        // Numbers near the largest there is have no mean that could be written down.
        return double.IsFinite(merged.Mean) && double.IsFinite(merged.Deviation) ? merged : other;
    }
}

/// <summary>Boxes seen over an interval.</summary>
/// <param name="Number">Confident boxes of a sample.</param>
/// <param name="Size">Side of a square as large as a box, in the unit of the model's boxes.</param>
public sealed record BoxStats(ValueStats Number, ValueStats Size)
{
    /// <summary>Both together.</summary>
    public BoxStats Merge(BoxStats other) => new(Number.Merge(other.Number), Size.Merge(other.Size));
}
