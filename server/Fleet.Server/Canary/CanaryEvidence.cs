using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Canary;

/// <summary>A candidate, and the devices that it could be exchanged with, over the same window.</summary>
/// <param name="Candidate">Its figures.</param>
/// <param name="Incumbents">Figures of devices that wait for their wave.</param>
/// <param name="Earlier">Figures of the candidates of its own wave that were read before it.</param>
internal sealed record CanaryLook(Reading Candidate, IReadOnlyCollection<Reading> Incumbents, IReadOnlyCollection<Reading> Earlier);

/// <summary>All that a canary has seen of a rollout; immutable, and small enough to be stored.</summary>
internal sealed record CanaryEvidence
{
    /// <summary>By metric, as the plan names them.</summary>
    public required IReadOnlyList<MetricEvidence> Metrics { get; init; }

    /// <summary>Nothing seen yet of what a plan compares.</summary>
    public static CanaryEvidence Of(CanaryPlan plan) => new() { Metrics = [.. plan.Metrics.Select(MetricEvidence.Of)] };

    /// <summary>With a candidate that was read once, and will not be read again.</summary>
    public CanaryEvidence With(CanaryLook look) => new() { Metrics = [.. Metrics.Select(metric => metric.With(look))] };
}

/// <summary>What a canary has seen of one metric.</summary>
internal sealed record MetricEvidence
{
    /// <summary>The metric's name.</summary>
    public required string Metric { get; init; }

    /// <summary>How much worse is let pass, in people's unit.</summary>
    public required double Tolerance { get; init; }

    /// <summary>Changes that are tested, ascending, in people's unit; the tolerance is among them.</summary>
    public required IReadOnlyList<double> Changes { get; init; }

    /// <summary>For each of them, evidence that candidates changed by more.</summary>
    public required IReadOnlyList<RankEvidence> Above { get; init; }

    /// <summary>For each of them, evidence that candidates changed by less.</summary>
    public required IReadOnlyList<RankEvidence> Below { get; init; }

    /// <summary>How much further each candidate moved than the median of its pool, in the metric's scale.</summary>
    public IReadOnlyList<double> Moves { get; init; } = [];

    /// <summary>Requests that candidates answered in their windows.</summary>
    public double Requests { get; init; }

    /// <summary>Devices that the last candidate was compared with.</summary>
    public int Pool { get; init; }

    /// <summary>Nothing seen yet.</summary>
    public static MetricEvidence Of(CanaryMetricPlan plan)
    {
        var metric = CanaryMetric.All[plan.Metric];
        var tolerance = plan.Tolerance ?? metric.Tolerance;
        double[] changes = [.. metric.Grid.Append(tolerance).Distinct().Order()];
        RankEvidence[] none = [.. changes.Select(_ => RankEvidence.None)];
        return new MetricEvidence { Metric = plan.Metric, Tolerance = tolerance, Changes = changes, Above = none, Below = none };
    }

    /// <summary>With one candidate more; the same when it has no such figures, or nobody to be compared with.</summary>
    public MetricEvidence With(CanaryLook look)
    {
        var metric = CanaryMetric.All[Metric];
        var incumbents = ChangesOf(metric, look.Incumbents);
        if (ChangesOf(metric, [look.Candidate]) is not [var change] || incumbents.Length == 0) return this;
        var ranks = new MetricRanks(metric, change, incumbents, ChangesOf(metric, look.Earlier));
        return this with
        {
            Above = [.. Above.Zip(Changes, (evidence, shift) => evidence.With(ranks.Above(shift)))],
            Below = [.. Below.Zip(Changes, (evidence, shift) => evidence.With(ranks.Below(shift)))],
            Moves = [.. Moves, Math.Round(change.Value - Median([.. incumbents.Select(other => other.Value)]), 6)],
            Requests = Requests + look.Candidate.After.Requests,
            Pool = incumbents.Length,
        };
    }

    private static Change[] ChangesOf(CanaryMetric metric, IReadOnlyCollection<Reading> readings)
    {
        var changes = new List<Change>(readings.Count);
        foreach (var reading in readings)
            if (metric.Of(reading) is { } change && double.IsFinite(change.Score())) changes.Add(change);
        return [.. changes];
    }

    /// <summary>The middle of numbers.</summary>
    public static double Median(double[] values)
    {
        Array.Sort(values);
        return values.Length % 2 == 1 ? values[values.Length / 2] : (values[values.Length / 2 - 1] + values[values.Length / 2]) / 2;
    }
}

/// <summary>
/// Ranks of a candidate if candidates had changed by some shift: they are taken back by it, and should then be like the rest.
/// </summary>
internal sealed class MetricRanks
{
    private readonly CanaryMetric _metric;
    private readonly Change _candidate;
    private readonly Change[] _earlier;
    private readonly double[] _ascending;
    private readonly double[] _negated;

    public MetricRanks(CanaryMetric metric, Change candidate, Change[] incumbents, Change[] earlier)
    {
        (_metric, _candidate, _earlier) = (metric, candidate, earlier);
        _ascending = Array.ConvertAll(incumbents, other => other.Score());
        Array.Sort(_ascending);
        _negated = Array.ConvertAll(_ascending, score => -score);
        Array.Reverse(_negated);
    }

    /// <summary>Where it stands from above.</summary>
    public Placement Above(double shift)
        => Placement.Of(ScoreOf(_candidate, shift), _ascending, Array.ConvertAll(_earlier, each => ScoreOf(each, shift)));

    /// <summary>Where it stands from below.</summary>
    public Placement Below(double shift)
        => Placement.Of(-ScoreOf(_candidate, shift), _negated, Array.ConvertAll(_earlier, each => -ScoreOf(each, shift)));

    private double ScoreOf(Change change, double shift) => change.Score(_metric.ToScale(shift));
}
