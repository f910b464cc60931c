namespace Fleet.Contracts.Tasks;

/// <summary>Nothing is known of the outputs: they are compared with what the float model gives.</summary>
public sealed class OutputsTask : TaskDefinition
{
    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.Outputs;

    /// <inheritdoc/>
    public override string Title => "outputs";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [Metric.Cosine, Metric.SignalToNoise, Metric.Agreement];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.None;

    /// <inheritdoc/>
    public override int MinimumProtocol => 1;
}
