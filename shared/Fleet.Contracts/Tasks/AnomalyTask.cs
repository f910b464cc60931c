namespace Fleet.Contracts.Tasks;

/// <summary>
/// Each sample gets a score of how unlike normal ones it is: the one value of the first output. Above <see cref="Threshold"/> it is an
/// anomaly. The model divides by the threshold that its build found, so that no file beside it is needed to read a score.
/// </summary>
public sealed class AnomalyTask : TaskDefinition
{
    /// <summary>Name of the labels.</summary>
    public const string LabelsName = "labels";

    /// <summary>Score above which a sample is an anomaly, of every model.</summary>
    public const float Threshold = 1;

    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.Anomaly;

    /// <inheritdoc/>
    public override string Title => "anomaly";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels { get; } = [
        new(LabelsName, "i8", ["samples"], "1 for an anomaly, 0 for a normal sample."),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics { get; } = [
        Metric.RocAuc, Metric.AveragePrecision, Metric.F1, Metric.Precision, Metric.Recall, Metric.FalsePositiveRate,
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [Metric.SignalToNoise, Metric.Cosine, Metric.Agreement];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.Values;

    /// <inheritdoc/>
    public override int MinimumProtocol => Protocol.ProtocolVersion.Anomalies;

    /// <summary>True for the score of an anomaly. What is not a number is none of a normal sample.</summary>
    public static bool IsAnomaly(float score) => !(score <= Threshold);
}
