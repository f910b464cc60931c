namespace Fleet.Contracts.Validation;

/// <summary>Between which values a metric lies over all samples of the kind that were measured, with a confidence of 95 %.</summary>
/// <param name="Name">Name of the metric.</param>
/// <param name="Low">The lower end, in the metric's unit.</param>
/// <param name="High">The upper end.</param>
public sealed record MetricInterval(string Name, double Low, double High)
{
    /// <summary>True when <paramref name="value"/> lies within.</summary>
    public bool Holds(double value) => value >= Low && value <= High;
}
