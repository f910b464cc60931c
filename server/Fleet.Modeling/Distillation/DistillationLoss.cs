using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation;

/// <summary>alpha T^2 KL(teacher || student) + (1 - alpha) cross entropy, the mean over the batch (Hinton, Vinyals, Dean, arXiv 1503.02531).</summary>
internal static class DistillationLoss
{
    /// <param name="student">Logits, samples by classes.</param>
    /// <param name="teacher">Logits of the same samples.</param>
    /// <param name="labels">Class numbers.</param>
    /// <param name="temperature">Softens both distributions. Its square keeps the gradients' size, which would fall with it.</param>
    /// <param name="alpha">Weight of the teacher against the labels.</param>
    public static Tensor Of(Tensor student, Tensor teacher, Tensor labels, double temperature, double alpha)
    {
        using var scope = NewDisposeScope();
        // kl_div expects the student's logarithms first. TorchSharp takes the target for logarithms as well unless told
        // otherwise, and its mean divides by every element instead of the batch: hence both arguments by name.
        var soft = functional.kl_div(functional.log_softmax(student / temperature, 1), functional.softmax(teacher / temperature, 1),
            log_target: false, reduction: Reduction.Sum) / student.size(0);
        var hard = functional.cross_entropy(student, labels);
        return (soft * (alpha * temperature * temperature) + hard * (1 - alpha)).MoveToOuterDisposeScope();
    }
}
