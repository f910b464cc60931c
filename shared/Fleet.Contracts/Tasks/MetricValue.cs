namespace Fleet.Contracts.Tasks;

/// <summary>One figure with all it takes to read it without knowing the metric.</summary>
/// <param name="Name">Name of the metric.</param>
/// <param name="Value">The figure, in <paramref name="Unit"/>.</param>
/// <param name="Unit">One of <see cref="Units"/>, or the unit of the labels.</param>
/// <param name="Better">The good end.</param>
public sealed record MetricValue(string Name, double Value, string Unit, MetricDirection Better)
{
    /// <summary>A figure of a metric of the protocol.</summary>
    public static MetricValue Of(Metric metric, double value, string? unit = null)
        => new(metric.Name, value, unit ?? metric.Unit, metric.Better);

    /// <summary>The figure with its sign such that more is better, to rank by.</summary>
    public double Goodness() => Better == MetricDirection.Higher ? Value : -Value;

    /// <summary>The metric in words.</summary>
    public string Title() => Metric.TitleOf(Name);

    /// <summary>The figure with its unit, for people.</summary>
    public string Text() => Units.Text(Value, Unit);
}
