namespace Fleet.Contracts.Tasks;

/// <summary>Each sample gets a vector, its row of the first output. What counts is who is near whom, as the float model sees it.</summary>
public sealed class EmbeddingTask : TaskDefinition
{
    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.Embedding;

    /// <inheritdoc/>
    public override string Title => "embedding";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [Metric.RecallAt10, Metric.Cosine, Metric.SignalToNoise];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.None;
}
