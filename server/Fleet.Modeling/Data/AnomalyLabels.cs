using System.Runtime.InteropServices;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>Whether each sample is normal.</summary>
/// <param name="Numbers">1 for an anomaly, 0 for a normal sample.</param>
/// <param name="Kinds">Place of each sample's own label among <see cref="DataSet.Kinds"/>; cuts hold each in proportion.</param>
internal sealed record AnomalyLabels(long[] Numbers, long[] Kinds) : SampleLabels
{
    /// <summary>So many samples that are normal because nobody says otherwise.</summary>
    public static AnomalyLabels AllNormal(int samples) => new(new long[samples], new long[samples]);

    /// <inheritdoc/>
    public override int Count => Numbers.Length;

    /// <summary>Samples that are anomalies.</summary>
    public int Anomalies => Numbers.Count(number => number > 0);

    /// <summary>True where there are normal samples and anomalies: only then can be told how well one is found among the other.</summary>
    public bool HasBoth => Anomalies is > 0 and var found && found < Count;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes<long>(Numbers);

    /// <inheritdoc/>
    public override long GroupOf(int sample) => Kinds[sample];

    /// <inheritdoc/>
    public override AnomalyLabels Pick(IReadOnlyList<int> samples)
        => new([.. samples.Select(sample => Numbers[sample])], [.. samples.Select(sample => Kinds[sample])]);

    /// <summary>
    /// How well scores find anomalies; of normal samples alone their mean score, by which an epoch is chosen, and the share above the
    /// threshold.
    /// </summary>
    /// <inheritdoc/>
    public override IReadOnlyList<MetricValue> Score(ReadOnlySpan<float> outputs)
    {
        if (HasBoth)
        {
            var scores = outputs.ToArray();
            return AnomalyMetrics.Of(new Ranking(scores, Numbers.Select(number => number > 0)), scores, Numbers);
        }
        var (sum, above) = (0.0, 0);
        foreach (var score in outputs) (sum, above) = (sum + score, above + (AnomalyTask.IsAnomaly(score) ? 1 : 0));
        return [
            MetricValue.Of(Metric.MeanScore, sum / Math.Max(1, Count)),
            MetricValue.Of(Metric.FalsePositiveRate, (double)above / Math.Max(1, Count)),
        ];
    }

    /// <summary>Labels travel where there are both kinds; elsewhere a variant is held against the float model's scores.</summary>
    public override IReadOnlyDictionary<string, NpyArray> ToArrays() => HasBoth
        ? new Dictionary<string, NpyArray> { [AnomalyTask.LabelsName] = NpyArray.Of(Numbers, Count) }
        : new Dictionary<string, NpyArray>();
}
