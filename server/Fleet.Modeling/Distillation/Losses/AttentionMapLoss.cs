using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>attention</c> over the positions of a convolution: ||q(s) / |q(s)| - q(t) / |q(t)|||^2, the mean over the batch, averaged
/// over the pairs, with q the sum over channels of squares at each position (Zagoruyko, Komodakis, arXiv 1612.03928). The
/// authors' code divides it by the positions as well and weighs it by 1000; without that it lies between 0 and 2 at any extent.
/// </summary>
internal sealed class AttentionMapLoss : IDistillationLoss
{
    public AttentionMapLoss(LossSetup setup)
    {
        foreach (var (student, teacher) in setup.Pairs)
        {
            if (student.ChannelsLast)
                throw setup.Refuse(student, teacher,
                    "tokens of a transformer have no attention map; set heads to compare their relations.");
            if (student.Shape.Count != teacher.Shape.Count || student.Shape.Count < 2)
                throw setup.Refuse(student, teacher, "both need channels and as many axes of positions.");
        }
    }

    /// <inheritdoc/>
    public string Name => "attention";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
        => inputs.Pairs.Select(pair => Distance(pair.Student, pair.Teacher)).Aggregate((sum, next) => sum + next) / inputs.Pairs.Count;

    private static Tensor Distance(Tensor student, Tensor teacher)
    {
        var (s, t) = FeatureForms.AtOneExtent(student.square().sum(1, keepdim: true), teacher.square().sum(1, keepdim: true));
        return (functional.normalize(s.flatten(1), dim: 1) - functional.normalize(t.flatten(1), dim: 1)).square().sum(1).mean();
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
