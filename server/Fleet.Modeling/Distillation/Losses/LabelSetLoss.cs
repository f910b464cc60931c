using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>logit</c> where a sample has several labels: T^2 KL between the teacher's and the student's answer to each label, yes or no, with
/// probabilities sigmoid(t / T) and sigmoid(s / T); the mean over samples and labels.
/// </summary>
/// <param name="temperature">T softens both answers.</param>
internal sealed class LabelSetLoss(double temperature) : IDistillationLoss
{
    /// <inheritdoc/>
    public string Name => "logit";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
    {
        var (teacher, student) = (inputs.Teacher / temperature, inputs.Student / temperature);
        var yes = teacher.sigmoid();
        var divergence = yes * (functional.logsigmoid(teacher) - functional.logsigmoid(student))
            + (1 - yes) * (functional.logsigmoid(-teacher) - functional.logsigmoid(-student));
        return divergence.mean() * (temperature * temperature);
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
