namespace Fleet.Contracts.Scoring;

/// <summary>Compares decided classes with labels, or with what another model decided.</summary>
public static class ClassificationScore
{
    /// <summary>
    /// The column with the largest value; the first of equal ones. A value that is not a number is never the largest. A single value is a
    /// probability: class 1 where it is above one half, otherwise class 0.
    /// </summary>
    public static int Decide(ReadOnlySpan<float> scores)
    {
        if (scores is [var probability]) return probability > 0.5f ? 1 : 0;
        var best = 0;
        for (var i = 1; i < scores.Length; i++)
        {
            if (scores[i] > scores[best] || (float.IsNaN(scores[best]) && !float.IsNaN(scores[i]))) best = i;
        }
        return best;
    }

    /// <summary>
    /// Share of samples decided as <paramref name="labels"/> say, 0 to 1; 0 without samples. With another model's decisions as labels it is
    /// the agreement.
    /// </summary>
    public static double Accuracy(ReadOnlySpan<long> decided, ReadOnlySpan<long> labels, SampleWeights weights = default)
    {
        Require(decided, labels);
        var (right, all) = (0L, 0L);
        for (var i = 0; i < decided.Length; i++)
        {
            all += weights[i];
            if (decided[i] == labels[i]) right += weights[i];
        }
        return (double)right / Math.Max(1, all);
    }

    /// <summary>Mean over the classes that occur of 2 TP / (2 TP + FP + FN), 0 to 1; 0 without samples.</summary>
    public static double MacroF1(ReadOnlySpan<long> decided, ReadOnlySpan<long> labels, SampleWeights weights = default)
    {
        Require(decided, labels);
        var counts = new Dictionary<long, (int Right, int Wrong)>();
        for (var i = 0; i < decided.Length; i++)
        {
            if (weights[i] == 0) continue;
            if (decided[i] == labels[i])
            {
                Count(counts, labels[i], right: weights[i], wrong: 0);
                continue;
            }
            // Missed by one class, claimed by another: one error of each.
            Count(counts, labels[i], right: 0, wrong: weights[i]);
            Count(counts, decided[i], right: 0, wrong: weights[i]);
        }
        return counts.Count == 0 ? 0 : counts.Values.Average(count => 2.0 * count.Right / (2.0 * count.Right + count.Wrong));
    }

    private static void Count(Dictionary<long, (int Right, int Wrong)> counts, long label, int right, int wrong)
    {
        var count = counts.GetValueOrDefault(label);
        counts[label] = (count.Right + right, count.Wrong + wrong);
    }

    private static void Require(ReadOnlySpan<long> decided, ReadOnlySpan<long> labels)
    {
        if (decided.Length != labels.Length)
            throw new ArgumentException($"There are {decided.Length} decisions for {labels.Length} labels.");
    }
}
