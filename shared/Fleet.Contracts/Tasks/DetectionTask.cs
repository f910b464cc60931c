namespace Fleet.Contracts.Tasks;

/// <summary>Each sample gets boxes; <see cref="DetectionForm"/> says which outputs hold them.</summary>
public sealed class DetectionTask : TaskDefinition
{
    /// <summary>Name of the classes of the true boxes.</summary>
    public const string LabelsName = "labels";

    /// <summary>Name of the true boxes.</summary>
    public const string BoxesName = "labels.boxes";

    /// <inheritdoc/>
    public override ModelTask Task => ModelTask.Detection;

    /// <inheritdoc/>
    public override string Title => "detection";

    /// <inheritdoc/>
    public override IReadOnlyList<LabelArray> Labels { get; } =
    [
        new(LabelsName, "i8", ["samples", "boxes"], "The class of each box, counted from 0; -1 fills up where a sample has fewer boxes."),
        new(BoxesName, "f4", ["samples", "boxes", "4"], "Left, top, right and bottom of each box, in the unit of the model's own boxes."),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> LabelMetrics { get; } = [Metric.Map50To95, Metric.Map50];

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> ReferenceMetrics { get; } = [
        Metric.BoxAgreement, Metric.BoxAgreement50, Metric.Cosine, Metric.SignalToNoise,
    ];

    /// <inheritdoc/>
    public override OutputTally Tally => OutputTally.Boxes;
}
