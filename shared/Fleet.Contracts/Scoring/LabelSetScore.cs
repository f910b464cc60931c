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
        => MicroF1(Count(outputs, labels, columns, weights));

    /// <summary>The same of what was counted.</summary>
    public static double MicroF1(IEnumerable<Counts> labels)
        => labels.Aggregate(new Counts(), (all, counts) => all.And(counts)).F1 ?? 0;

    /// <summary>Mean of the same over the labels that are given or there for some sample, 0 to 1; 0 without one.</summary>
    public static double MacroF1(ReadOnlySpan<float> outputs, ReadOnlySpan<float> labels, int columns, SampleWeights weights = default)
        => MacroF1(Count(outputs, labels, columns, weights));

    /// <summary>The same of what was counted.</summary>
    public static double MacroF1(IEnumerable<Counts> labels)
        => labels.Select(counts => counts.F1).OfType<double>().DefaultIfEmpty(0).Average();

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
        for (var sample = 0; sample < outputs.Length / columns; sample++)
        {
            var times = weights[sample];
            var (given, there) = (sample * columns, (sample + 1) * columns);
            for (var i = times == 0 ? there : given; i < there; i++)
            {
                var (isGiven, isThere) = (IsGiven(outputs[i]), labels[i] > 0);
                // Most labels are neither given nor there.
                if (isGiven || isThere) counts[i - given] = counts[i - given].And(
                    new Counts(isGiven && isThere ? times : 0, isGiven ? times : 0, isThere ? times : 0));
            }
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
