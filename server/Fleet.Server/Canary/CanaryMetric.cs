using System.Collections.Frozen;
using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Canary;

/// <summary>How much worse a device did than before: larger is worse.</summary>
/// <param name="Value">The change, in the metric's scale.</param>
/// <param name="Spread">How far chance alone moves it, for devices of unlike traffic; 1 when that is not known.</param>
internal readonly record struct Change(double Value, double Spread = 1)
{
    /// <summary>The change beyond a shift, in units of chance: what devices are ranked by.</summary>
    public double Score(double shift = 0) => (Value - shift) / Spread;
}

/// <summary>A metric by which candidates are compared with incumbents.</summary>
/// <param name="Name">Its name in a plan.</param>
/// <param name="Tolerance">How much worse is let pass unless a plan says otherwise, in people's unit.</param>
/// <param name="Of">A device's change; null when it has no such figures.</param>
internal sealed record CanaryMetric(string Name, double Tolerance, Func<Reading, Change?> Of)
{
    /// <summary>Changes that an interval is made of, in people's unit.</summary>
    public required IReadOnlyList<double> Grid { get; init; }

    /// <summary>True when changes multiply: the scale is then the logarithm of one and the change.</summary>
    public bool IsRatio { get; init; }

    /// <summary>All of them, by name.</summary>
    public static readonly FrozenDictionary<string, CanaryMetric> All = ((CanaryMetric[])
    [
        new(CanaryMetrics.Errors, 0.001, ErrorsOf)
        {
            Grid = [-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.005, -0.002, 0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
        },
        new(CanaryMetrics.Latency, 0.1, LatencyOf)
        {
            Grid = [-0.8, -0.5, -0.3, -0.2, -0.1, -0.05, 0, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 9],
            IsRatio = true,
        },
        new(CanaryMetrics.Confidence, 0.01, ConfidenceOf)
        {
            Grid = [-0.2, -0.1, -0.05, -0.02, -0.01, 0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
        },
        new(CanaryMetrics.Outputs, 0.1, OutputsOf) { Grid = [-0.1, -0.05, 0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] },
    ]).ToFrozenDictionary(metric => metric.Name);

    /// <summary>A change from people's unit into the scale that devices are ranked in.</summary>
    public double ToScale(double change) => IsRatio ? Math.Log(1 + change) : change;

    /// <summary>And back.</summary>
    public double FromScale(double value) => IsRatio ? Math.Exp(value) - 1 : value;

    /// <summary>
    /// Points of the error rate. Their spread is that of a difference of two shares, with half an error added to each so that a device
    /// without any has one as well, and that of errors which come in bursts, taken as half the rate.
    /// </summary>
    private static Change? ErrorsOf(Reading reading)
    {
        var (before, after) = (reading.Before, reading.After);
        if (before.Requests < 1 || after.Requests < 1) return null;
        var pooled = (before.Errors + after.Errors + 1) / (before.Requests + after.Requests + 2);
        return new Change(
            after.Errors / after.Requests - before.Errors / before.Requests,
            Math.Sqrt(pooled * (1 - pooled) * (1 / after.Requests + 1 / before.Requests) + pooled * pooled / 4));
    }

    private static Change? LatencyOf(Reading reading) => reading is { Before.Latency: > 0 and var before, After.Latency: > 0 and var after }
        ? new Change(Math.Log(after / before))
        : null;

    private static Change? ConfidenceOf(Reading reading)
        => reading is { Before.Confidence: { } before, After.Confidence: { } after } ? new Change(before - after) : null;

    private static Change? OutputsOf(Reading reading)
    {
        var (before, after) = (reading.Before, reading.After);
        if (before.Classes.Count > 0 && after.Classes.Count > 0)
            return new Change(Enumerable.Range(0, Math.Max(before.Classes.Count, after.Classes.Count)).Sum(
                i => Math.Abs(before.Classes.ElementAtOrDefault(i) - after.Classes.ElementAtOrDefault(i))) / 2);
        if (before.Values.Count == 0 || before.Values.Count != after.Values.Count) return null;
        return new Change(before.Values.Zip(after.Values).Max(
            pair => Math.Abs(pair.Second.Mean - pair.First.Mean) / Math.Max(pair.First.Deviation, 1e-6 * (1 + Math.Abs(pair.First.Mean)))));
    }
}
