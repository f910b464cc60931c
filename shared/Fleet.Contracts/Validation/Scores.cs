using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Validation;

/// <summary>What was measured of one variant, on the server or on a device: figures by metric, and the samples they rest on.</summary>
/// <remarks>A figure that is not a finite number counts as not measured: nothing could be told of it, and no gate lets it pass.</remarks>
[JsonConverter(typeof(ScoresConverter))]
public sealed record Scores
{
    /// <summary>Samples the figures rest on.</summary>
    public int Samples { get; init; }

    /// <summary>The figures, each metric at most once.</summary>
    public IReadOnlyList<MetricValue> Metrics { get; set; } = [];

    /// <summary>Share of samples decided as labelled; null when it was not measured.</summary>
    [JsonIgnore]
    public double? Accuracy
    {
        get => this[Metric.Accuracy];
        init => Metrics = Replaced(Metric.Accuracy, value);
    }

    /// <summary>Share of samples decided like the float model; null when it was not measured.</summary>
    [JsonIgnore]
    public double? Agreement
    {
        get => this[Metric.Agreement];
        init => Metrics = Replaced(Metric.Agreement, value);
    }

    /// <summary>Time of one inference at batch 1; null when it was not measured.</summary>
    [JsonIgnore]
    public LatencySummary? Latency
    {
        get => this[Metric.LatencyP50] is { } p50 && this[Metric.LatencyP95] is { } p95 && this[Metric.LatencyP99] is { } p99
            ? LatencySummary.OfMilliseconds(p50, p95, p99)
            : null;
        init
        {
            Metrics = Replaced(Metric.LatencyP50, value?.P50.TotalMilliseconds);
            Metrics = Replaced(Metric.LatencyP95, value?.P95.TotalMilliseconds);
            Metrics = Replaced(Metric.LatencyP99, value?.P99.TotalMilliseconds);
        }
    }

    /// <summary>Peak resident memory of the process that ran it; null when it was not measured.</summary>
    [JsonIgnore]
    public long? PeakMemoryBytes
    {
        get => (long?)this[Metric.PeakMemory];
        init => Metrics = Replaced(Metric.PeakMemory, value);
    }

    /// <summary>Energy of one inference; null where the machine cannot measure it.</summary>
    [JsonIgnore]
    public double? EnergyJoules
    {
        get => this[Metric.Energy];
        init => Metrics = Replaced(Metric.Energy, value);
    }

    /// <summary>The figure of a metric; null when it was not measured.</summary>
    public double? this[Metric metric] => Find(metric.Name)?.Value;

    /// <summary>A figure with its unit and direction; null when it was not measured.</summary>
    public MetricValue? Find(string metric) => Metrics.FirstOrDefault(value => value.Name == metric);

    /// <summary>
    /// The figure that decides how good a model of a task is: its first metric against labels that was measured, or else against the float
    /// model.
    /// </summary>
    public MetricValue? Deciding(ModelTask task)
        => TaskDefinition.Of(task) is var definition
            ? definition.LabelMetrics.Concat(definition.ReferenceMetrics).Select(metric => Find(metric.Name))
                .FirstOrDefault(value => value is not null)
            : null;

    /// <summary>The first figure that says how good the model is, rather than what it costs; null when there is none.</summary>
    [JsonIgnore]
    public MetricValue? Quality => Metrics.FirstOrDefault(metric => !Metric.IsCost(metric.Name));

    /// <summary>The same with one more figure, or another in its place; null takes it out.</summary>
    public Scores With(Metric metric, double? value, string? unit = null) => this with { Metrics = Replaced(metric, value, unit) };

    /// <inheritdoc/>
    public bool Equals(Scores? other) => other is not null && Samples == other.Samples && Metrics.SequenceEqual(other.Metrics);

    /// <inheritdoc/>
    public override int GetHashCode() => Metrics.Aggregate(Samples, HashCode.Combine);

    private MetricValue[] Replaced(Metric metric, double? value, string? unit = null)
    {
        var others = Metrics.Where(one => one.Name != metric.Name);
        return value is { } figure && double.IsFinite(figure) ? [.. others, MetricValue.Of(metric, figure, unit)] : [.. others];
    }
}
