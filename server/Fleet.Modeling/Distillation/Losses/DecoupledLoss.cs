using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>dkd</c>: T^2 (alpha TCKD + beta NCKD), the mean over the batch, with p = softmax(./T) (Zhao et al., arXiv 2203.08679).
/// TCKD = KL between the pairs (p_target, 1 - p_target); NCKD = KL between the distributions over the other classes alone.
/// Plain distillation weighs NCKD by 1 - p_target of the teacher: the surer it is, the less of its knowledge is passed on.
/// </summary>
/// <param name="temperature">T.</param>
/// <param name="alpha">Weight of the target class against the rest.</param>
/// <param name="beta">Weight among the others.</param>
internal sealed class DecoupledLoss(double temperature, double alpha, double beta) : IDistillationLoss
{
    /// <inheritdoc/>
    public string Name => "dkd";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
    {
        var others = functional.one_hot(inputs.Labels, inputs.Student.size(1)).eq(0);
        var (student, teacher) = (Part(inputs.Student / temperature, others), Part(inputs.Teacher / temperature, others));
        var target = (teacher.Target.exp() * (teacher.Target - student.Target)
            + teacher.NotTarget.exp() * (teacher.NotTarget - student.NotTarget)).mean();
        return (target * alpha + LogitLoss.Divergence(teacher.Others, student.Others) * beta) * (temperature * temperature);
    }

    // Logarithms of p_target and 1 - p_target, and the logits of the other classes, whose softmax is their distribution.
    private static (Tensor Target, Tensor NotTarget, Tensor Others) Part(Tensor logits, Tensor others)
    {
        var rest = logits.masked_select(others).reshape(logits.size(0), -1);
        var all = logits.logsumexp(1);
        return (logits.masked_select(others.logical_not()) - all, rest.logsumexp(1) - all, rest);
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
