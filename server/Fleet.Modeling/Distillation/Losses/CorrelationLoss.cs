using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>dist</c>: T^2 (beta (1 - mean over samples of corr(s_i., t_i.)) + gamma (1 - mean over classes of corr(s_.j, t_.j))) of
/// the matrices of softmax(./T), with Pearson's correlation (Huang et al., arXiv 2205.10536). A student far smaller than its
/// teacher cannot match its values; it can keep their order and spacing, between classes and within one.
/// </summary>
/// <param name="temperature">T.</param>
/// <param name="beta">Weight of the relation between classes (rows).</param>
/// <param name="gamma">Weight of the relation within a class (columns).</param>
internal sealed class CorrelationLoss(double temperature, double beta, double gamma) : IDistillationLoss
{
    // Keeps a row or column without variance from dividing by zero.
    private const double Epsilon = 1e-8;

    /// <inheritdoc/>
    public string Name => "dist";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
    {
        var (student, teacher) = (functional.softmax(inputs.Student / temperature, 1), functional.softmax(inputs.Teacher / temperature, 1));
        return (Distance(student, teacher, 1) * beta + Distance(student, teacher, 0) * gamma) * (temperature * temperature);
    }

    private static Tensor Distance(Tensor student, Tensor teacher, long axis)
    {
        var (s, t) = (student - student.mean([axis], true), teacher - teacher.mean([axis], true));
        return 1 - functional.cosine_similarity(s, t, axis, Epsilon).mean();
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
