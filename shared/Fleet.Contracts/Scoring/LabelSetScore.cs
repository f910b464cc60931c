using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>
/// Compares the labels that are given to samples with those that they have. Rows are samples, columns labels. A value that is not a number
/// gives no label.
/// </summary>
public static class LabelSetScore
{
    /// <summary>2 TP / (2 TP + FP + FN) over all labels of all samples, 0 to 1; 0 where no label is given and none is there.</summary>
    public static double MicroF1(ReadOnlySpan<float> outputs, ReadOnlySpan<float> labels, int columns, SampleWeights weights = default)
    {
        var all = new Counts();
        foreach (var counts in Count(outputs, labels, columns, weights)) all = all.And(counts);
        return all.F1 ?? 0;
    }

    /// <summary>Mean of the same over the labels that are given or there for some sample, 0 to 1; 0 without one.</summary>
    public static double MacroF1(ReadOnlySpan<float> outputs, ReadOnlySpan<float> labels, int columns, SampleWeights weights = default)
        => Count(outputs, labels, columns, weights).Select(counts => counts.F1).OfType<double>().DefaultIfEmpty(0).Average();

    /// <summary>Share of labels decided as by other outputs, 0 to 1; 0 without samples.</summary>
    public static double Agreement(ReadOnlySpan<float> outputs, ReadOnlySpan<float> others, int columns, SampleWeights weights = default)
    {
        var (alike, all) = (0L, 0L);
        for (var i = 0; i < outputs.Length; i++)
        {
            all += weights[i / columns];
            if (IsGiven(outputs[i]) == IsGiven(others[i])) alike += weights[i / columns];
        }
        return (double)alike / Math.Max(1, all);
    }

    /// <summary>True where a label is given.</summary>
    public static bool IsGiven(float logit) => logit > MultiLabelTask.Threshold;

    /// <summary>What is right and wrong of each label.</summary>
    public static Counts[] Count(ReadOnlySpan<float> outputs, ReadOnlySpan<float> labels, int columns, SampleWeights weights = default)
    {
        if (outputs.Length != labels.Length) throw new ArgumentException($"There are {outputs.Length} outputs for {labels.Length} labels.");
        var counts = new Counts[columns];
        for (var i = 0; i < outputs.Length; i++)
        {
            var (isGiven, isThere, times) = (IsGiven(outputs[i]), labels[i] > 0, weights[i / columns]);
            var known = counts[i % columns];
            counts[i % columns] = new Counts(
                known.Right + (isGiven && isThere ? times : 0), known.Given + (isGiven ? times : 0), known.There + (isThere ? times : 0));
        }
        return counts;
    }

    /// <summary>How often one label was given.</summary>
    /// <param name="Right">Given where it is there.</param>
    /// <param name="Given">Given.</param>
    /// <param name="There">There.</param>
    public readonly record struct Counts(long Right, long Given, long There)
    {
        /// <summary>2 TP / (2 TP + FP + FN); null where it is neither given nor there.</summary>
        public double? F1 => Given + There == 0 ? null : 2.0 * Right / (Given + There);

        /// <summary>Share of what is given that is there; null where nothing is given.</summary>
        public double? Precision => Given == 0 ? null : (double)Right / Given;

        /// <summary>Share of what is there that is given; null where it is never there.</summary>
        public double? Recall => There == 0 ? null : (double)Right / There;

        /// <summary>Both together.</summary>
        public Counts And(Counts other) => new(Right + other.Right, Given + other.Given, There + other.There);
    }
}
