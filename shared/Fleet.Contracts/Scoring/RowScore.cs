using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Generation, and outputs nothing is known of: whether the largest value of each row is where the float model's is.</summary>
internal sealed class RowScore(SampleTruth truth, IReadOnlyList<string> outputs) : TaskScore(truth, outputs)
{
    private long _rows, _alike;

    private protected override void Take(int sample, SampleOutput output)
    {
        if (!Compares(Outputs[0])) return;
        var values = output(Outputs[0], out var columns);
        if (columns < 1 || values.Length % columns != 0) return;
        var reference = Truth.Reference(Outputs[0], sample);
        for (var row = 0; row < values.Length; row += columns, _rows++)
        {
            if (ClassificationScore.Decide(values.Slice(row, columns)) == ClassificationScore.Decide(reference.Slice(row, columns)))
                _alike++;
        }
    }

    private protected override IEnumerable<MetricValue> Figures()
        => _rows > 0 ? [MetricValue.Of(Metric.Agreement, (double)_alike / _rows)] : [];
}
