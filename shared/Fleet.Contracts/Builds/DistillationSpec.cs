using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>
/// How the student learns: from the teacher by any weighted sum of losses, from the labels beside it, then from the labels alone.
/// </summary>
public sealed record DistillationSpec
{
    /// <summary>
    /// Temperature T of the short form: larger shows the student more of what the teacher finds similar. Not used where
    /// <see cref="Losses"/> are given.
    /// </summary>
    public double Temperature { get; set; } = 4;

    /// <summary>
    /// Weight of the teacher against the labels in the short form, 0 to 1: alpha of the <c>logit</c> loss (of the <c>output</c> loss for
    /// numbers and boxes) and 1 - alpha of the labels. Not used where <see cref="Losses"/> are given.
    /// </summary>
    public double Alpha { get; set; } = 0.7;

    /// <summary>The losses against the teacher and their weights; empty: the short form.</summary>
    public IReadOnlyList<LossSpec> Losses { get; set; } = [];

    /// <summary>Weight of the labels beside <see cref="Losses"/>; absent: 1, or 1 - alpha in the short form.</summary>
    public double? Labels { get; init; }

    /// <summary>
    /// With augmentation: how many variations of each sample the student goes through in turn, 1 to 64. Each costs one pass of the
    /// teacher, and room for its answers. Absent: a new one in every epoch, as many as 20,000 answers allow, and at least four.
    /// </summary>
    public int? Views { get; init; }

    /// <summary>The distillation run.</summary>
    public TrainingSpec Training { get; set; } = new();

    /// <summary>
    /// Trains the same student on the labels alone as well, as many steps, so that the report says what the teacher gave. It costs what
    /// training the student costs, without the teacher's answers. Absent: yes.
    /// </summary>
    public bool? CompareWithLabels { get; init; }

    /// <summary>
    /// Students in turn, 1 to 8, of which each teaches the next one of the same form (born-again networks: Furlanello et al., arXiv
    /// 1805.04770). The first is kept unless another is better by more than two standard errors on the validation samples; without such
    /// samples the last. Absent: one. Each costs what one student costs.
    /// </summary>
    public int? Generations { get; init; }

    /// <summary>Epochs on the labels alone afterwards, at a tenth of the learning rate.</summary>
    public int FineTuneEpochs { get; set; } = 1;

    /// <summary>
    /// The losses in full, whichever form was written: the short form compares logits where there are classes, and outputs otherwise.
    /// </summary>
    public IReadOnlyList<LossSpec> AllLosses(ModelTask task) => Losses.Count > 0 ? Losses
        : [
            task is ModelTask.Classification or ModelTask.MultiLabel
                ? new LossSpec { Loss = "logit", Weight = Alpha, Temperature = Temperature }
                : new LossSpec { Loss = "output", Weight = Alpha },
        ];

    /// <summary>The weight of the labels, whichever form was written.</summary>
    public double LabelWeight() => Labels ?? (Losses.Count > 0 ? 1 : 1 - Alpha);
}
