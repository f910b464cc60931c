using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>One batch as student and teacher see it.</summary>
/// <param name="Student">Outputs of the student, a row for each sample: logits of classes, or the values to predict.</param>
/// <param name="Teacher">Outputs of the teacher for the same samples.</param>
/// <param name="Labels">Class numbers, or a row of values for each sample.</param>
internal sealed record LossInputs(Tensor Student, Tensor Teacher, Tensor Labels)
{
    /// <summary>Features to compare, in the order of the loss's pairs.</summary>
    public IReadOnlyList<(Tensor Student, Tensor Teacher)> Pairs { get; init; } = [];

    /// <summary>Which of the training samples these are.</summary>
    public IReadOnlyList<int> Samples { get; init; } = [];

    /// <summary>Number of the step: chance that a loss needs is drawn from it and the seed.</summary>
    public long Step { get; init; }
}
