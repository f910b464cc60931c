namespace Fleet.Contracts.Tasks;

/// <summary>Which outputs hold boxes, scores and classes, and how boxes are made of them. Every box is left, top, right, bottom.</summary>
public sealed record DetectionForm
{
    /// <summary>Output of the boxes: (samples, boxes, 4).</summary>
    public string Boxes { get; set; } = "boxes";

    /// <summary>Output of the scores: (samples, boxes), or (samples, boxes, classes) where each class has its own.</summary>
    public string Scores { get; set; } = "scores";

    /// <summary>
    /// Output of the classes, (samples, boxes); absent when the scores have a column for each class, or there is one class.
    /// </summary>
    public string? Labels { get; init; }

    /// <summary>The column of the scores that stands for "nothing here"; absent when there is none. It is not counted as a class.</summary>
    public int? Background { get; init; }

    /// <summary>Boxes below this score are left out.</summary>
    public double MinimumScore { get; set; } = 0.05;

    /// <summary>
    /// Boxes from this score on are what the model says it sees: they are tallied, and the float model's stand for labels.
    /// </summary>
    public double ConfidentScore { get; set; } = 0.5;

    /// <summary>
    /// Of two boxes of a class that overlap by more than this (intersection over union) the one with the lower score is left out; absent
    /// when the model does so itself.
    /// </summary>
    public double? MaximumOverlap { get; init; }

    /// <summary>Most boxes of a sample: COCO's number.</summary>
    public int MaximumBoxes { get; set; } = 100;
}
