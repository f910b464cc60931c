namespace Fleet.Contracts.Builds;

/// <summary>
/// Variants whose weights and scales are trained on the grid they are stored in (LSQ, Esser et al. 2020), beside those that are
/// quantized afterwards. They start from the distilled student. On Fashion-MNIST they pay at 3 bits and fewer; at 8 and 4 bits
/// rounding a student that was trained equally long in float comes as close.
/// </summary>
public sealed record QuantizationAwareSpec
{
    /// <summary>Bits of weights, 2 to 8. Fewer make the file smaller; processors compute in bytes all the same.</summary>
    public int WeightBits { get; set; } = 8;

    /// <summary>
    /// Bits of activations, 2 to 8. Fewer save nothing on processors: they show what a chip with such kernels would reach.
    /// </summary>
    public int ActivationBits { get; set; } = 8;

    /// <summary>Bits of the first and the last layer, 2 to 8: few weights, the most sensitive.</summary>
    public int EndBits { get; set; } = 8;

    /// <summary>
    /// <c>qat</c> learns from the labels, <c>qat-distillation</c> from the teacher's logits as well, <c>qkd</c> in three phases
    /// (Kim et al., arXiv 1911.12491).
    /// </summary>
    public string Method { get; set; } = "qat-distillation";

    /// <summary>Epochs of <c>qat</c> and <c>qat-distillation</c>.</summary>
    public int Epochs { get; set; } = 4;

    /// <summary>Epochs of each phase of <c>qkd</c>.</summary>
    public StudyPhasesSpec Phases { get; set; } = new();

    /// <summary>Peak learning rate; batch size, weight decay and augmentation are those of <c>distillation.training</c>.</summary>
    public double LearningRate { get; set; } = 1e-3;
}

/// <summary>Epochs of the phases of QKD; 0 leaves one out.</summary>
public sealed record StudyPhasesSpec
{
    /// <summary>The student finds its grid by itself, on the labels alone.</summary>
    public int SelfStudying { get; set; } = 1;

    /// <summary>
    /// Teacher and student are trained together, each towards the other: the teacher becomes one that few bits can follow.
    /// </summary>
    public int CoStudying { get; set; } = 2;

    /// <summary>The teacher stands still and the student learns from it and the labels.</summary>
    public int Tutoring { get; set; } = 2;
}
