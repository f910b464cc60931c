namespace Fleet.Contracts.Tasks;

/// <summary>
/// The next token of a text is scored, a row of the first output for each position; the float model's choice stands for the right one.
/// </summary>
public sealed class GenerationTask : TaskDefinition
{
    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.Generation;

    /// <inheritdoc/>
    public override string Title => "generation";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [Metric.Agreement, Metric.Cosine, Metric.SignalToNoise];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.None;
}
