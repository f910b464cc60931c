using System.Numerics.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>What a row of class scores decides.</summary>
/// <param name="Class">Index of the largest score; the first of equal ones.</param>
/// <param name="Probability">Its probability, 0 to 1; 0 when the scores are not numbers.</param>
internal readonly record struct ClassDecision(int Class, float Probability)
{
    /// <summary>How far a row's sum may be from one to be taken as probabilities: what 8-bit softmax outputs miss by.</summary>
    private const float SumTolerance = 0.02f;

    /// <summary>
    /// Decides one row. Scores that already are probabilities (none negative, summing to one) are taken as they are; anything else
    /// is taken as logits and goes through softmax.
    /// </summary>
    public static ClassDecision Of(ReadOnlySpan<float> scores)
    {
        var winner = TensorPrimitives.IndexOfMax(scores);
        if (float.IsNaN(scores[winner])) return new ClassDecision(winner, 0);
        var largest = scores[winner];
        if (AreProbabilities(scores)) return new ClassDecision(winner, Math.Min(largest, 1));
        var sum = 0f;
        foreach (var score in scores) sum += MathF.Exp(score - largest); // The largest is 1: no overflow.
        return new ClassDecision(winner, 1 / sum);
    }

    /// <summary>The probability of each class, by the same rule; not numbers where the scores are none.</summary>
    public static float[] Probabilities(ReadOnlySpan<float> scores)
    {
        var probabilities = scores.ToArray();
        if (AreProbabilities(scores)) return probabilities;
        // The largest becomes 0: no overflow.
        TensorPrimitives.Subtract(scores, TensorPrimitives.Max(scores), probabilities);
        TensorPrimitives.SoftMax(probabilities, probabilities);
        return probabilities;
    }

    private static bool AreProbabilities(ReadOnlySpan<float> scores)
        => TensorPrimitives.Min(scores) >= 0 && Math.Abs(TensorPrimitives.Sum(scores) - 1) <= SumTolerance;
}
