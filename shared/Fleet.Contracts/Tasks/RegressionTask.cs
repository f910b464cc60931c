namespace Fleet.Contracts.Tasks;

/// <summary>Each sample gets numbers: the columns of the first output.</summary>
public sealed class RegressionTask : TaskDefinition
{
    /// <summary>Name of the labels.</summary>
    public const string LabelsName = "labels";

    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.Regression;

    /// <inheritdoc/>
    public override string Title => "regression";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels { get; } =
        [
            new(LabelsName, "f4", ["samples", "columns"],
                "The true numbers of each sample; the second axis may be left out where there is one column."),
        ];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics { get; } = [Metric.RootMeanSquareError, Metric.MeanAbsoluteError];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [Metric.SignalToNoise, Metric.Cosine];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.Values;
}
