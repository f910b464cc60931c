using Fleet.Modeling.Data;

namespace Fleet.Modeling.Decisions;

/// <summary>Where normal samples end. Pure.</summary>
internal static class AnomalyThreshold
{
    /// <summary>
    /// The score that the next normal sample is above with a probability of at most <paramref name="rate"/>, whatever scores are
    /// distributed like: of n scores of normal samples that were not learned from, the one in place ceil((n + 1) (1 - rate)) of rising
    /// order (split conformal prediction: Papadopoulos et al., Inductive confidence machines for regression, ECML 2002; of anomalies:
    /// Laxhammar, Falkman, Conformal prediction for distribution-independent anomaly detection, 2010). Where there are fewer than
    /// 1 / rate - 1 scores no bound promises as much: it is the largest.
    /// </summary>
    /// <param name="scores">Scores of normal samples, at least one.</param>
    /// <param name="rate">Above 0, below 1.</param>
    public static float Of(IEnumerable<float> scores, double rate)
    {
        float[] rising = [.. scores.Order()];
        var place = (int)Math.Ceiling((rising.Length + 1) * (1 - rate) - 1e-9);
        return Math.Max(rising[Math.Clamp(place, 1, rising.Length) - 1], float.Epsilon);
    }

    /// <summary>Samples from which on a threshold holds what it promises.</summary>
    public static int SamplesFor(double rate) => (int)Math.Ceiling(1 / rate - 1 - 1e-9);

    /// <summary>What to know of the samples that a threshold was found on.</summary>
    public static IEnumerable<string> Findings(SampleSet validation, double rate)
    {
        if (validation.Count >= SamplesFor(rate)) yield break;
        var next = validation.Count + 1;
        yield return FormattableString.Invariant(
            $"The threshold is the largest score of {validation.Count} normal validation samples, which 1 of {next} normal samples is ")
            + FormattableString.Invariant($"expected to be above ({100.0 / next:0.#} %); to hold {100 * rate:0.###} % it takes ")
            + $"{SamplesFor(rate)}: give more normal samples, a larger data.validationShare or data.anomaly.falsePositiveRate.";
    }
}
