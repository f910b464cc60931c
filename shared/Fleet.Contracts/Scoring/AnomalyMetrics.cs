using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>The figures of scores of anomalies. Pure.</summary>
public static class AnomalyMetrics
{
    /// <summary>The figures in the order of the task; none where there are anomalies alone or none at all.</summary>
    /// <param name="ranking">The samples by score.</param>
    /// <param name="scores">The score of each.</param>
    /// <param name="labels">1 for an anomaly.</param>
    /// <param name="weights">How often each counts.</param>
    public static IReadOnlyList<MetricValue> Of(
        Ranking ranking, ReadOnlySpan<float> scores, ReadOnlySpan<long> labels, SampleWeights weights = default)
    {
        var (right, given, there, all) = (0L, 0L, 0L, 0L);
        for (var sample = 0; sample < scores.Length; sample++)
        {
            var (isGiven, isThere, times) = (AnomalyTask.IsAnomaly(scores[sample]), labels[sample] > 0, weights[sample]);
            all += times;
            if (isGiven) given += times;
            if (isThere) there += times;
            if (isGiven && isThere) right += times;
        }
        if (there == 0 || there == all) return [];
        return [
            MetricValue.Of(Metric.RocAuc, ranking.RocAuc(weights)),
            MetricValue.Of(Metric.AveragePrecision, ranking.AveragePrecision(weights)),
            MetricValue.Of(Metric.F1, 2.0 * right / (given + there)),
            // Where nothing is called an anomaly, there is no share of it.
            .. given > 0 ? [MetricValue.Of(Metric.Precision, (double)right / given)] : Array.Empty<MetricValue>(),
            MetricValue.Of(Metric.Recall, (double)right / there),
            MetricValue.Of(Metric.FalsePositiveRate, (double)(given - right) / (all - there)),
        ];
    }
}
