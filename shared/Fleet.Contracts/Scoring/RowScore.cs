using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Generation, and outputs nothing is known of: whether the largest value of each row is where the float model's is.</summary>
internal sealed class RowScore(SampleTruth truth, IReadOnlyList<string> outputs) : TaskScore(truth, outputs)
{
    private readonly List<(int Sample, int Rows, int Alike)> _samples = [];

    private protected override void Take(int sample, SampleOutput output)
    {
        if (!Compares(Outputs[0])) return;
        var values = output(Outputs[0], out var columns);
        if (columns < 1 || values.Length % columns != 0) return;
        var reference = Truth.Reference(Outputs[0], sample);
        var alike = 0;
        for (var row = 0; row < values.Length; row += columns)
        {
            if (ClassificationScore.Decide(values.Slice(row, columns)) == ClassificationScore.Decide(reference.Slice(row, columns)))
                alike++;
        }
        _samples.Add((sample, values.Length / columns, alike));
    }

    private protected override IEnumerable<MetricValue> Figures(SampleWeights weights)
    {
        var (rows, alike) = (0L, 0L);
        foreach (var one in _samples) (rows, alike) = (rows + weights[one.Sample] * one.Rows, alike + weights[one.Sample] * one.Alike);
        return rows > 0 ? [MetricValue.Of(Metric.Agreement, (double)alike / rows)] : [];
    }
}
