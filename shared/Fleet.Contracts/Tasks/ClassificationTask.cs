namespace Fleet.Contracts.Tasks;

/// <summary>Each sample gets one class: the column of the first output with the largest score.</summary>
public sealed class ClassificationTask : TaskDefinition
{
    /// <summary>Name of the labels.</summary>
    public const string LabelsName = "labels";

    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.Classification;

    /// <inheritdoc/>
    public override string Title => "classification";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels { get; } = [
        new(LabelsName, "i8", ["samples"], "The class of each sample, counted from 0."),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics { get; } = [Metric.Accuracy, Metric.MacroF1];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [Metric.Agreement, Metric.Cosine, Metric.SignalToNoise];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.Classes;

    /// <inheritdoc/>
    public override int MinimumProtocol => 1;
}
