using Fleet.Modeling.Students;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>attention</c> between the tokens of a transformer: KL(R_t || R_s), the mean over samples, heads and tokens, averaged over
/// the pairs, with R = softmax(A A^T / sqrt(d)) of the queries, keys or values A, cut into relation heads of d channels each
/// (MiniLMv2: Wang et al., arXiv 2012.15828). Teacher and student need as many relation heads, not as many channels.
/// </summary>
internal sealed class AttentionRelationLoss : IDistillationLoss
{
    private readonly int _heads;

    /// <param name="setup">Pairs such as <c>layer4.query</c> with <c>layer2.query</c>.</param>
    /// <param name="heads">Relation heads; both channel counts are multiples of it.</param>
    public AttentionRelationLoss(LossSetup setup, int heads)
    {
        _heads = heads;
        foreach (var (student, teacher) in setup.Pairs)
        {
            if (student.Shape.Count is not (2 or 3) || teacher.Shape.Count is not (2 or 3))
                throw setup.Refuse(student, teacher, "relations need tokens and channels on both sides.");
            if (student.Shape[^2] != teacher.Shape[^2])
                throw setup.Refuse(student, teacher, "relations are compared token by token, so both need as many.");
            if (Channels(student) % heads != 0 || Channels(teacher) % heads != 0)
                throw setup.Refuse(student, teacher, $"both channel counts must be multiples of heads, which is {heads}.");
        }
    }

    private static int Channels(Feature feature) => feature.Shape.Count == 3 ? feature.Shape[0] * feature.Shape[2] : feature.Shape[1];

    /// <inheritdoc/>
    public string Name => "attention";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
        => inputs.Pairs.Select(pair => LogitLoss.Divergence(Relations(pair.Teacher), Relations(pair.Student)))
            .Aggregate((sum, next) => sum + next) / inputs.Pairs.Count;

    // Samples, heads, tokens, tokens; in front of the softmax.
    private Tensor Relations(Tensor value)
    {
        // Heads of attention come apart already; relation heads need not be as many.
        if (value.dim() == 4) value = value.transpose(1, 2).flatten(2);
        var channels = value.size(2) / _heads;
        var heads = value.reshape(value.size(0), value.size(1), _heads, channels).transpose(1, 2);
        return heads.matmul(heads.transpose(2, 3)) / Math.Sqrt(channels);
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
