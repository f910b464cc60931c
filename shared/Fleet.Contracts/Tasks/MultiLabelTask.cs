namespace Fleet.Contracts.Tasks;

/// <summary>
/// Each sample has any number of labels, none included: a label is given where its column of the first output, a logit, is above 0.
/// </summary>
public sealed class MultiLabelTask : TaskDefinition
{
    /// <summary>Name of the labels.</summary>
    public const string LabelsName = "labels";

    /// <summary>Logit above which a label is given: a probability of one half.</summary>
    public const float Threshold = 0;

    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.MultiLabel;

    /// <inheritdoc/>
    public override string Title => "multiLabel";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels { get; } = [
        new(LabelsName, "i8", ["samples", "labels"], "1 for each label that a sample has, 0 for the others."),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics { get; } = [Metric.MicroF1, Metric.MacroF1];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [Metric.Agreement, Metric.Cosine, Metric.SignalToNoise];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.Values;

    /// <inheritdoc/>
    public override int MinimumProtocol => Protocol.ProtocolVersion.SeveralLabels;
}
