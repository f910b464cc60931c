using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Decisions;

/// <summary>What a classifier's answers say of each class, and what of that a reader must know.</summary>
internal static class DecisionFigures
{
    /// <summary>With fewer samples a recall says little.</summary>
    private const int EnoughSamples = 5;

    /// <summary>A recall so far below accuracy is told.</summary>
    private const double FarBelow = 0.15;

    private const int MostTold = 3;

    /// <param name="test">The test samples.</param>
    /// <param name="answers">Its answers to them, row by row.</param>
    /// <param name="validation">The validation samples.</param>
    /// <param name="validationAnswers">Its answers to those.</param>
    /// <param name="rarest">The class that is rare; null where none is.</param>
    /// <returns>Null where there are no classes, or an answer is one probability.</returns>
    public static DecisionReport? Of(
        SampleSet test, float[] answers, SampleSet validation, float[] validationAnswers, int? rarest = null)
    {
        if (test.Labels is not ClassLabels { Numbers: var labels } || labels.Length == 0) return null;
        var columns = answers.Length / labels.Length;
        if (columns < 2 || labels.Max() >= columns) return null;
        var counts = new int[columns, columns];
        for (var sample = 0; sample < labels.Length; sample++)
            counts[labels[sample], ClassificationScore.Decide(answers.AsSpan(sample * columns, columns))]++;
        ClassFigures[] classes = [.. Enumerable.Range(0, columns).Select(number => FiguresOf(counts, number, columns))];
        double? temperature = validation.Count == 0
            ? null : Confidence.Temperature(validationAnswers, ((ClassLabels)validation.Labels).Numbers);
        return new DecisionReport
        {
            BalancedAccuracy = classes.Average(one => one.Recall) ?? 0,
            Classes = classes,
            Confusions = [
                .. (from label in Enumerable.Range(0, columns)
                    from decided in Enumerable.Range(0, columns)
                    where label != decided && counts[label, decided] > 0
                    orderby counts[label, decided] descending
                    select new Confusion(label, decided, counts[label, decided])).Take(DecisionReport.MostConfusions),
            ],
            CalibrationError = Confidence.CalibrationError(answers, labels),
            NegativeLogLikelihood = Confidence.NegativeLogLikelihood(answers, labels),
            Temperature = temperature,
            CalibrationErrorAfter = temperature is { } found ? Confidence.CalibrationError(answers, labels, found) : null,
            Rarest = rarest is { } sought && classes[sought].Samples > 0 ? Ranked(answers, labels, sought, columns) : null,
        };
    }

    /// <summary>The class of the fewest samples, where these are less than half of its even share; null where none is so rare.</summary>
    public static int? RarestOf(SampleSet training, int classes)
    {
        if (training.Labels is not ClassLabels { Numbers: { Length: > 0 } numbers } || classes < 2) return null;
        var counts = new int[classes];
        foreach (var number in numbers) counts[number]++;
        var rarest = Array.IndexOf(counts, counts.Min());
        return 2L * classes * counts[rarest] < numbers.Length ? rarest : null;
    }

    // By its logit less the logarithm of the sum of all: the order of the probabilities, which rounding makes equal near 1.
    private static RarestClass Ranked(float[] answers, long[] labels, int sought, int columns)
    {
        var ranking = new Ranking(labels.Select((_, sample) =>
        {
            var row = answers.AsSpan(sample * columns, columns);
            double most = System.Numerics.Tensors.TensorPrimitives.Max<float>(row), others = 0;
            for (var column = 0; column < columns; column++) others += column == sought ? 0 : Math.Exp(row[column] - most);
            return (float)(row[sought] - most - Math.Log(others));
        }), labels.Select(label => label == sought));
        return new RarestClass(sought, labels.Count(label => label == sought), ranking.AveragePrecision(),
            ranking.Curve(AnomalyFigures.MostPoints));
    }

    /// <summary>Classes that accuracy hides: of which far less is found than of all samples.</summary>
    public static IEnumerable<string> Findings(DecisionReport? student, IReadOnlyList<string> classes)
    {
        if (student is null) yield break;
        var all = student.Classes.Sum(one => one.Samples);
        var accuracy = student.Classes.Sum(one => (one.Recall ?? 0) * one.Samples) / Math.Max(1, all);
        var hidden = student.Classes.Index().Where(one => one.Item.Samples >= EnoughSamples && one.Item.Recall < accuracy - FarBelow)
            .OrderBy(one => one.Item.Recall).ToArray();
        foreach (var (number, figures) in hidden.Take(MostTold))
            yield return $"Of class '{classes[number]}' the student finds {Percent(figures.Recall!.Value)} ({figures.Samples} test "
                + $"samples), where it is right about {Percent(accuracy)} of all: accuracy hides it"
                + (student.MostTakenFor(number) is { } other ? $". It takes most of the others for '{classes[other.Decided]}'" : "") + ".";
        if (hidden.Length > MostTold) yield return $"That is so of {hidden.Length - MostTold} more classes.";
        if (hidden.Length > 0)
            yield return "Try distillation.training.classWeights or sampling 'balanced', more samples of such classes, or a limit on "
                + "macroF1 in gate.thresholds.";
    }

    private static ClassFigures FiguresOf(int[,] counts, int number, int columns)
    {
        var (samples, decided) = (0, 0);
        for (var other = 0; other < columns; other++)
        {
            samples += counts[number, other];
            decided += counts[other, number];
        }
        double? Share(int of) => of == 0 ? null : (double)counts[number, number] / of;
        return new ClassFigures(samples, Share(samples), Share(decided));
    }

    private static string Percent(double share) => FormattableString.Invariant($"{share * 100:0} %");
}
