using System.Runtime.InteropServices;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>Any number of labels for each sample.</summary>
/// <param name="Given">1 for each label that a sample has and 0 for the others, row by row.</param>
/// <param name="Columns">Labels that there are.</param>
internal sealed record LabelSets(float[] Given, int Columns) : SampleLabels
{
    private long[]? _groups;

    /// <inheritdoc/>
    public override int Count => Given.Length / Columns;

    /// <inheritdoc/>
    public override ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes<float>(Given);

    /// <summary>How many samples have each label.</summary>
    public int[] Counts()
    {
        var counts = new int[Columns];
        for (var i = 0; i < Given.Length; i++) counts[i % Columns] += Given[i] > 0 ? 1 : 0;
        return counts;
    }

    /// <summary>The labels of one sample.</summary>
    public ReadOnlySpan<float> Row(int sample) => Given.AsSpan(sample * Columns, Columns);

    /// <summary>The rarest label that a sample has, counted from 1; 0 where it has none: rare labels are cut in proportion first.</summary>
    public override long GroupOf(int sample)
    {
        if (_groups is null)
        {
            var counts = Counts();
            _groups = [
                .. Enumerable.Range(0, Count).Select(one => (long)Enumerable.Range(0, Columns).Where(label => Row(one)[label] > 0)
                    .OrderBy(label => counts[label]).Select(label => label + 1).FirstOrDefault()),
            ];
        }
        return _groups[sample];
    }

    /// <inheritdoc/>
    public override LabelSets Pick(IReadOnlyList<int> samples)
        => new([.. samples.SelectMany(sample => Row(sample).ToArray())], Columns);

    /// <inheritdoc/>
    public override IReadOnlyList<MetricValue> Score(ReadOnlySpan<float> outputs) =>
    [
        MetricValue.Of(Metric.MicroF1, LabelSetScore.MicroF1(outputs, Given, Columns)),
        MetricValue.Of(Metric.MacroF1, LabelSetScore.MacroF1(outputs, Given, Columns)),
    ];

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, NpyArray> ToArrays() => new Dictionary<string, NpyArray>
    {
        [MultiLabelTask.LabelsName] = NpyArray.Of([.. Given.Select(value => (long)value)], Count, Columns),
    };
}
