using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Quantization.Evaluation;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Figures of networks and simple models on one set of samples, with intervals. All are drawn alike, so that the interval of a difference
/// is that of both on the same draws.
/// </summary>
internal sealed class FloorTable
{
    private const string Output = "output";

    private readonly DataSet _data;
    private readonly SampleTruth _truth;
    private readonly Bootstrap _bootstrap;

    /// <summary>A table over the test samples.</summary>
    public FloorTable(DataSet data)
    {
        _data = data;
        _truth = data.Test.Truth(data.Task);
        // Samples of one thing, such as a machine, are no news of other things.
        _bootstrap = new Bootstrap(data.Test.Origins is { } origins
            ? SampleClusters.Of([.. Enumerable.Range(0, data.Test.Count)],
                origins.Index().GroupBy(sample => sample.Item, sample => sample.Index).Select(group => group.ToArray()))
            : SampleClusters.Single(data.Test.Count));
    }

    /// <summary>Measures answers, a row for each sample.</summary>
    public Measured Of(float[] outputs, CancellationToken cancellationToken)
    {
        var score = TaskScore.For(_truth, [Output], labelUnit: (_data.Test.Labels as ValueLabels)?.Unit);
        var width = outputs.Length / _data.Test.Count;
        for (var sample = 0; sample < _data.Test.Count; sample++)
        {
            var first = sample * width;
            score.Add((string _, out int columns) =>
            {
                columns = width;
                return outputs.AsSpan(first, width);
            });
        }
        var figures = score.Measured();
        var resampling = _bootstrap.Of(score, cancellationToken);
        return new Measured(figures, _bootstrap.Intervals(figures, resampling), resampling);
    }

    /// <summary>A floor beside the student.</summary>
    public FloorReport Of(Floor floor, Measured student, CancellationToken cancellationToken)
    {
        var measured = Of(floor.Outputs, cancellationToken);
        var report = new FloorReport(floor.Name, floor.Description, new Scores { Metrics = measured.Figures, Samples = _data.Test.Count })
        {
            Intervals = measured.Intervals,
        };
        return student.Figures is not [var decides, ..] || measured.Figures is not [var own, ..] || own.Name != decides.Name
            ? report
            : report with
            {
                Gain = decides.Goodness() - own.Goodness(),
                GainInterval = _bootstrap.LossOf(decides with { Value = decides.Goodness() - own.Goodness() }, [
                    .. student.Resampling.Draws.Zip(measured.Resampling.Draws)
                        .Where(draw => draw is { First: [_, ..], Second: [_, ..] })
                        .Select(draw => draw.First[0].Goodness() - draw.Second[0].Goodness()),
                ]),
            };
    }

    /// <summary>Answers in figures.</summary>
    /// <param name="Figures">The one that decides first.</param>
    /// <param name="Intervals">Where they lie.</param>
    /// <param name="Resampling">The same of each draw.</param>
    internal sealed record Measured(
        IReadOnlyList<MetricValue> Figures, IReadOnlyList<MetricInterval> Intervals, Resampling Resampling);
}
