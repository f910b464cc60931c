using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students.Layers;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Variants;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Decisions;

/// <summary>What a network makes of normal samples and of each kind of anomaly.</summary>
internal static class AnomalyTable
{
    /// <param name="data">The samples.</param>
    /// <param name="path">The exported network, which holds its threshold.</param>
    /// <param name="scores">Its scores of the test samples.</param>
    /// <param name="rate">Share of normal samples that the threshold was found for.</param>
    /// <returns>Null where samples are no anomalies or normal ones.</returns>
    public static AnomalyFigures? Of(DataSet data, string path, float[] scores, double rate)
    {
        if (data.Test.Labels is not AnomalyLabels labels || scores.Length != labels.Count) return null;
        using var session = OnnxRuntimeSession.Open(path);
        var threshold = ThresholdOf(session);
        double Above(IEnumerable<int> samples) => samples.Select(sample => AnomalyTask.IsAnomaly(scores[sample]) ? 1.0 : 0)
            .DefaultIfEmpty().Average();
        int[] normal = [.. Enumerable.Range(0, labels.Count).Where(sample => labels.Numbers[sample] == 0)];
        return new AnomalyFigures
        {
            Threshold = threshold,
            AskedFalsePositiveRate = rate,
            ThresholdSamples = data.Validation.Count,
            Normal = normal.Length,
            FalsePositiveRate = Above(normal),
            Kinds = [
                .. Enumerable.Range(0, labels.Count).Except(normal).GroupBy(sample => labels.Kinds[sample]).OrderBy(kind => kind.Key)
                    .Select(kind => new AnomalyKind(data.Kinds[(int)kind.Key], kind.Count(), Above(kind))),
            ],
            Curve = labels.HasBoth
                ? new Ranking(scores, labels.Numbers.Select(number => number > 0)).Curve(AnomalyFigures.MostPoints) : [],
        };
    }

    /// <summary>The threshold of a variant, found as the student's is, and how often it calls normal test samples anomalies.</summary>
    /// <param name="data">The samples.</param>
    /// <param name="rate">Share of normal samples that a threshold is found for.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <returns>Null of other tasks.</returns>
    public static OwnThreshold? OfVariants(DataSet data, double rate, CancellationToken cancellationToken)
    {
        if (data.Test.Labels is not AnomalyLabels labels) return null;
        var normal = data.Test.Pick([.. Enumerable.Range(0, labels.Count).Where(sample => labels.Numbers[sample] == 0)]);
        float[] Scores(InferenceSession session, SampleSet samples)
            => ModelOutputs.Of(session, samples.Given().Feeds(session.InputNames[0]), cancellationToken).Values;
        return new OwnThreshold(Reconstruction.ThresholdKey,
            session => AnomalyThreshold.Of(Scores(session, data.Validation), rate),
            session => FalsePositives.Of(ThresholdOf(session), normal.Count, Scores(session, normal).Count(AnomalyTask.IsAnomaly)));
    }

    private static double ThresholdOf(InferenceSession session)
        => double.Parse(session.ModelMetadata.CustomMetadataMap[Reconstruction.ThresholdKey], CultureInfo.InvariantCulture);

    /// <summary>What a reader must know before the figures.</summary>
    public static IEnumerable<string> Findings(AnomalyFigures? figures)
    {
        if (figures is null) yield break;
        if (figures.Kinds.Count == 0)
            yield return "There are no anomalies among the samples, so that nothing tells how many are found: the threshold was found on "
                + "normal samples, and variants are judged by how close their scores are to the float model's.";
        // Three standard errors of a share of so many samples.
        var (asked, error) = (figures.AskedFalsePositiveRate,
            Math.Sqrt(figures.AskedFalsePositiveRate * (1 - figures.AskedFalsePositiveRate) / Math.Max(1, figures.Normal)));
        if (figures.FalsePositiveRate > asked + Math.Max(3 * error, 1.0 / Math.Max(1, figures.Normal)))
            yield return FormattableString.Invariant(
                $"Of normal test samples {100 * figures.FalsePositiveRate:0.#} % are above the threshold, where {100 * asked:0.###} % ")
                + "were asked for: they are unlike the normal samples that it was found on. Give more, of as many machines, days and "
                + "loads.";
    }
}
