using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Validation;

/// <summary>What one metric must reach, or must not exceed.</summary>
public sealed record Threshold
{
    /// <summary>Decibels that a device may lose: half the power of the difference more. Devices' kernels round differently.</summary>
    public const double DecibelTolerance = 3;

    /// <summary>Name of the metric.</summary>
    public required string Metric { get; init; }

    /// <summary>Smallest value that passes; absent for none.</summary>
    public double? Minimum { get; init; }

    /// <summary>Largest value that passes; absent for none.</summary>
    public double? Maximum { get; init; }

    /// <summary>Unit of both; absent: that of the metric.</summary>
    public string? Unit { get; init; }

    /// <summary>A threshold at the side of the metric that is not good.</summary>
    public static Threshold Of(Metric metric, double limit, string? unit = null) => metric.Better == MetricDirection.Higher
        ? new() { Metric = metric.Name, Minimum = limit, Unit = unit ?? metric.Unit }
        : new() { Metric = metric.Name, Maximum = limit, Unit = unit ?? metric.Unit };

    /// <summary>
    /// How much worse than <paramref name="figure"/> a model may be: points for a share such as accuracy or mAP (0.02 is two points),
    /// <see cref="DecibelTolerance"/> for decibels, a share of the figure for an error such as RMSE (0.02 is 2 %).
    /// </summary>
    public static Threshold Allowing(MetricValue figure, double tolerance) => new()
    {
        Metric = figure.Name,
        Unit = figure.Unit,
        Minimum = figure.Better != MetricDirection.Higher ? null : figure.Unit switch
        {
            Units.Ratio => Math.Max(0, figure.Value - tolerance),
            Units.Decibels => figure.Value - DecibelTolerance,
            _ => figure.Value - Math.Abs(figure.Value) * tolerance,
        },
        Maximum = figure.Better == MetricDirection.Higher ? null : figure.Unit == Units.Ratio
            ? Math.Min(1, figure.Value + tolerance)
            : figure.Value + Math.Abs(figure.Value) * tolerance,
    };

    /// <summary>The threshold for people, such as <c>Accuracy at least 0.959</c>.</summary>
    public override string ToString()
        => $"{Tasks.Metric.TitleOf(Metric)} "
            + $"{string.Join(" and ", new[] { Side("at least", Minimum), Side("at most", Maximum) }.OfType<string>())}";

    /// <summary>The threshold for a table, such as <c>accuracy >= 95.9 %</c>.</summary>
    public string Brief()
    {
        var unit = Unit ?? Tasks.Metric.All.GetValueOrDefault(Metric)?.Unit ?? Units.OfLabels;
        return $"{Lowered(Tasks.Metric.TitleOf(Metric))}{(Minimum is { } least
            ? $" >= {Units.Brief(least, unit)}"
            : "")}{(Maximum is { } most ? $" <= {Units.Brief(most, unit)}" : "")}";
    }

    /// <summary>A title inside a line: <c>accuracy</c>, but <c>RMSE</c> and <c>F1</c>.</summary>
    public static string Lowered(string title)
        => title.Length > 1 && !char.IsLower(title[1]) ? title : char.ToLowerInvariant(title[0]) + title[1..];

    /// <summary>
    /// Sentences on how <paramref name="measured"/> misses it; none when it passes. A figure that was not measured, or is not a number,
    /// misses.
    /// </summary>
    public IEnumerable<string> Misses(double? measured)
    {
        if (Minimum is { } least && !(measured >= least)) yield return Sentence(measured, "is below the required", least);
        if (Maximum is { } most && !(measured <= most)) yield return Sentence(measured, "is above the allowed", most);
    }

    private string? Side(string words, double? limit) => limit is { } value ? $"{words} {Text(value)}" : null;

    private string Sentence(double? measured, string relation, double limit) => measured is { } value
        ? $"{Tasks.Metric.TitleOf(Metric)} {Text(value)} {relation} {Text(limit)}."
        : $"{Tasks.Metric.TitleOf(Metric)} was not measured; {Text(limit)} is "
            + $"{(relation.EndsWith("required", StringComparison.Ordinal) ? "required" : "allowed")}.";

    private string Text(double value) => Units.Text(value, Unit ?? Tasks.Metric.All.GetValueOrDefault(Metric)?.Unit ?? Units.OfLabels);
}
