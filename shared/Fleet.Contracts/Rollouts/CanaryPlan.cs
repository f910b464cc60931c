namespace Fleet.Contracts.Rollouts;

/// <summary>
/// How devices that serve a rollout's release are compared with those that still serve what was there before. Evidence that they do
/// worse pauses the rollout, at whatever moment somebody looks; <c>server/Fleet.Server/Canary/README.md</c> says how it is weighed.
/// </summary>
public sealed record CanaryPlan
{
    /// <summary>
    /// Chance that a release which changes nothing is paused all the same, over the whole rollout and all its metrics; smaller asks for
    /// more devices.
    /// </summary>
    public double Significance { get; set; } = 0.01;

    /// <summary>What is compared; with none, there is no canary.</summary>
    public IReadOnlyList<CanaryMetricPlan> Metrics { get; set; } = [.. CanaryMetrics.All.Select(name => new CanaryMetricPlan(name))];

    /// <summary>How long a device serves the release before its figures are read. Longer is less noise and later news.</summary>
    public TimeSpan Window { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Requests without which the figures of a device are not read; the window stays open until they have come.</summary>
    public int MinimumRequests { get; set; } = 30;

    /// <summary>
    /// Devices of a wave that must have been read before the next one opens; a smaller wave needs all of its own. 0: evidence may stop
    /// the rollout, and lack of it does not hold it.
    /// </summary>
    public int MinimumDevices { get; set; }

    /// <summary>Share of the requests whose latency is compared: 0.95 compares what 19 of 20 requests stay within.</summary>
    public double LatencyQuantile { get; set; } = 0.95;

    /// <summary>Every rule the plan breaks.</summary>
    public IEnumerable<string> Problems()
    {
        if (Significance is not (> 0 and <= 0.2)) yield return $"canary.significance {Significance} must be above 0 and at most 0.2.";
        if (Metrics.Select(metric => metric.Metric).Distinct().Count() != Metrics.Count)
            yield return "canary.metrics: each may stand once.";
        foreach (var metric in Metrics)
        {
            if (!CanaryMetrics.All.Contains(metric.Metric))
                yield return $"canary.metrics: '{metric.Metric}' must be one of {string.Join(", ", CanaryMetrics.All)}.";
            if (metric.Tolerance is not (null or (>= 0 and <= 10)))
                yield return $"canary.metrics: the tolerance {metric.Tolerance} of {metric.Metric} must be within 0..10.";
        }
        if (Window < TimeSpan.FromMinutes(1) || Window > TimeSpan.FromHours(6))
            yield return $"canary.window {Window:c} must be within a minute and 6 hours.";
        if (MinimumRequests is < 1 or > 1_000_000) yield return $"canary.minimumRequests {MinimumRequests} must be within 1..1000000.";
        if (MinimumDevices is < 0 or > CanaryMetrics.MaximumDevices)
            yield return $"canary.minimumDevices {MinimumDevices} must be within 0..{CanaryMetrics.MaximumDevices}.";
        if (LatencyQuantile is not (>= 0.5 and <= 0.999))
            yield return $"canary.latencyQuantile {LatencyQuantile} must be within 0.5..0.999.";
    }
}

/// <summary>A metric of a canary.</summary>
/// <param name="Metric">One of <see cref="CanaryMetrics.All"/>.</param>
/// <param name="Tolerance">How much worse is let pass, in the metric's own unit; null is the metric's default.</param>
public sealed record CanaryMetricPlan(string Metric, double? Tolerance = null);

/// <summary>What a canary can compare.</summary>
public static class CanaryMetrics
{
    /// <summary>Devices of a rollout that are read at most: what they cannot tell, more would not.</summary>
    public const int MaximumDevices = 500;

    /// <summary>Share of the requests that fail. Tolerance in shares: 0.001 is one request more of a thousand.</summary>
    public const string Errors = "errors";

    /// <summary>A quantile of the time of an inference. Tolerance as a share: 0.1 is a tenth slower.</summary>
    public const string Latency = "latency";

    /// <summary>Mean confidence of a classifier's decisions. Tolerance as a share of certainty: 0.01.</summary>
    public const string Confidence = "confidence";

    /// <summary>
    /// What the model answers: the shares of its classes, the means of its values, the number of its boxes. Tolerance as the distance to
    /// before: half the sum of what shares differ by, or deviations that a mean has moved.
    /// </summary>
    public const string Outputs = "outputs";

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<string> All = [Errors, Latency, Confidence, Outputs];
}
