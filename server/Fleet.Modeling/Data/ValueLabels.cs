using System.Runtime.InteropServices;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>Numbers to predict for each sample.</summary>
/// <param name="Values">Row by row.</param>
/// <param name="Columns">Numbers for one sample.</param>
internal sealed record ValueLabels(float[] Values, int Columns) : SampleLabels
{
    /// <summary>Their unit for people; null for none.</summary>
    public string? Unit { get; init; }

    /// <inheritdoc/>
    public override int Count => Values.Length / Columns;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes<float>(Values);

    /// <summary>Mean of each column.</summary>
    public float[] Mean() => [.. Enumerable.Range(0, Columns).Select(column => (float)Column(column).Average())];

    /// <summary>Standard deviation of each column; 1 for a column that never changes.</summary>
    public float[] Deviation() => [.. Enumerable.Range(0, Columns).Select(DeviationOf)];

    /// <inheritdoc/>
    public override long GroupOf(int sample) => 0;

    /// <inheritdoc/>
    public override ValueLabels Pick(IReadOnlyList<int> samples) => this with { Values = Rows([.. samples]) };

    /// <inheritdoc/>
    public override IReadOnlyList<MetricValue> Score(ReadOnlySpan<float> outputs) =>
    [
        MetricValue.Of(Metric.RootMeanSquareError, RegressionScore.RootMeanSquareError(outputs, Values), Unit),
        MetricValue.Of(Metric.MeanAbsoluteError, RegressionScore.MeanAbsoluteError(outputs, Values), Unit),
    ];

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, NpyArray> ToArrays()
        => new Dictionary<string, NpyArray> { [RegressionTask.LabelsName] = NpyArray.Of(Values, Count, Columns) };

    private IEnumerable<double> Column(int column)
        => Enumerable.Range(0, Count).Select(sample => (double)Values[sample * Columns + column]);

    private float DeviationOf(int column)
    {
        var mean = Column(column).Average();
        var deviation = Math.Sqrt(Column(column).Average(value => (value - mean) * (value - mean)));
        return deviation > 0 ? (float)deviation : 1;
    }

    private float[] Rows(int[] samples)
    {
        var rows = new float[samples.Length * Columns];
        for (var i = 0; i < samples.Length; i++) Values.AsSpan(samples[i] * Columns, Columns).CopyTo(rows.AsSpan(i * Columns));
        return rows;
    }
}
