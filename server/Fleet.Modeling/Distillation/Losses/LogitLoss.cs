using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>logit</c>: T^2 KL(softmax(t / T) || softmax(s / T)), the mean over the batch. The square keeps the gradients' size, which
/// would fall with it (Hinton, Vinyals, Dean, arXiv 1503.02531).
/// </summary>
/// <param name="temperature">T softens both distributions: the larger, the more of what the teacher finds similar is seen.</param>
internal sealed class LogitLoss(double temperature) : IDistillationLoss
{
    /// <inheritdoc/>
    public string Name => "logit";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
        => Divergence(inputs.Teacher / temperature, inputs.Student / temperature) * (temperature * temperature);

    /// <summary>KL(softmax(teacher) || softmax(student)) over the last axis, the mean over all that is before it.</summary>
    public static Tensor Divergence(Tensor teacher, Tensor student)
    {
        // kl_div expects the student's logarithms first. TorchSharp takes the target for logarithms as well unless told
        // otherwise, and its mean divides by every element instead of by the rows: hence both arguments by name.
        var sum = functional.kl_div(
            functional.log_softmax(student, -1), functional.softmax(teacher, -1), log_target: false, reduction: Reduction.Sum);
        return sum / ((double)student.numel() / student.size(-1));
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
