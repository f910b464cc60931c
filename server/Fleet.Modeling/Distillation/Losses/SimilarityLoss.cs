using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>similarity</c>: ||G(s) - G(t)||_F^2 / b^2, averaged over the pairs, with G = A A^T of the flattened activations of the
/// batch, each row of unit length (Tung, Mori, arXiv 1907.09682): samples that excite the teacher alike shall excite the
/// student alike. Nothing is learned beside it, and the features may have any shape.
/// </summary>
internal sealed class SimilarityLoss : IDistillationLoss
{
    /// <inheritdoc/>
    public string Name => "similarity";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
        => inputs.Pairs.Select(pair => (Similarities(pair.Student) - Similarities(pair.Teacher)).square().mean())
            .Aggregate((sum, next) => sum + next) / inputs.Pairs.Count;

    private static Tensor Similarities(Tensor value)
    {
        var rows = value.flatten(1);
        return functional.normalize(rows.matmul(rows.t()), dim: 1);
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
