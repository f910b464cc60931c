using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Regression: predicted numbers against true ones.</summary>
internal sealed class ValueScore(SampleTruth truth, IReadOnlyList<string> outputs, string? unit) : TaskScore(truth, outputs)
{
    private readonly List<float> _predicted = [];

    private protected override void Take(int sample, SampleOutput output)
    {
        if (Truth.Values is not { } labels) return;
        var values = output(Outputs[0], out _);
        if (values.Length != labels.Length / Truth.Samples)
            throw new FormatException(
                $"Output '{Outputs[0]}' has {values.Length} values for a sample; the labels have {labels.Length / Truth.Samples}.");
        _predicted.AddRange(values);
    }

    private protected override IEnumerable<MetricValue> Figures(SampleWeights weights)
    {
        if (Truth.Values is not { } labels) yield break;
        float[] predicted = [.. _predicted];
        var columns = labels.Length / Math.Max(1, Truth.Samples);
        yield return MetricValue.Of(
            Metric.RootMeanSquareError, RegressionScore.RootMeanSquareError(predicted, labels, weights, columns), unit);
        yield return MetricValue.Of(
            Metric.MeanAbsoluteError, RegressionScore.MeanAbsoluteError(predicted, labels, weights, columns), unit);
    }
}
