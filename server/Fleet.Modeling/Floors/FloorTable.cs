using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Quantization.Evaluation;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Statistics;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Figures of networks and simple models on one set of samples, with intervals. All are drawn alike, so that the interval of a difference
/// is that of both on the same draws.
/// </summary>
internal sealed class FloorTable
{
    private const string Output = "output";

    private const int Exchanges = 1_000, ExchangeSeed = 11;

    /// <summary>Of more samples each by itself only such with the same label cannot tell, which a network's own figure says.</summary>
    private const int Many = 1_000;

    /// <summary>Samples that are tried for a number that is enough: a try draws all of them a thousand times, twice.</summary>
    private const int MostTried = 20_000;

    private readonly DataSet _data;
    private readonly bool _mayRepeat;
    private readonly SampleTruth _truth;
    private readonly Bootstrap _bootstrap;
    private readonly Dictionary<float[], Measured> _known = [];

    /// <summary>A table over the test samples.</summary>
    /// <param name="data">The samples.</param>
    /// <param name="mayRepeat">True where another seed would have other test samples, which is then a remedy for too few.</param>
    public FloorTable(DataSet data, bool mayRepeat = false)
    {
        (_data, _mayRepeat) = (data, mayRepeat);
        _truth = data.Test.Truth(data.Task);
        // Samples of one thing, such as a machine, are no news of other things.
        _bootstrap = new Bootstrap(data.Test.Origins is { } origins
            ? SampleClusters.Of([.. Enumerable.Range(0, data.Test.Count)],
                origins.Index().GroupBy(sample => sample.Item, sample => sample.Index).Select(group => group.ToArray()))
            : SampleClusters.Single(data.Test.Count));
    }

    /// <summary>
    /// Standard error of a network's gain over one answer for everything: how it scatters over the draws, and by the rule of three where
    /// it does not. Null where there are too few samples to draw from.
    /// </summary>
    public double? GainError(Floor constant, float[] outputs, CancellationToken cancellationToken)
    {
        var gains = Gains(constant.Outputs, outputs, cancellationToken);
        if (gains.Length == 0) return null;
        return _data.Test.Labels.Score(outputs)[0].Unit == Units.Ratio && gains.Min() == gains.Max()
            ? _bootstrap.RuleOfThree / Normal.InvCDF(0, 1, (1 + Bootstrap.Level) / 2) : gains.PopulationStandardDeviation();
    }

    /// <summary>
    /// The most that answers lose of others, in the unit of the figure: the upper end of the interval of the loss, and at least 0. Nothing
    /// where they are as good in every draw; without bound where there are too few samples to draw from.
    /// </summary>
    public double MostLost(float[] before, float[] after, CancellationToken cancellationToken)
    {
        var losses = Gains(after, before, cancellationToken);
        if (losses.Length == 0) return double.PositiveInfinity;
        if (losses.Min() == losses.Max()) return Math.Max(0, losses[0]);
        var (had, left) = (_data.Test.Labels.Score(before)[0], _data.Test.Labels.Score(after)[0]);
        var lost = _bootstrap.LossOf(had with { Value = had.Goodness() - left.Goodness() }, losses);
        return Math.Max(0, lost?.High ?? double.PositiveInfinity);
    }

    /// <summary>By how much the second answers are better than the first, in each draw.</summary>
    private double[] Gains(float[] first, float[] second, CancellationToken cancellationToken) => [
        .. Of(second, cancellationToken).Resampling.Draws.Zip(Of(first, cancellationToken).Resampling.Draws)
            .Where(draw => draw is { First: [_, ..], Second: [_, ..] })
            .Select(draw => draw.First[0].Goodness() - draw.Second[0].Goodness()),
    ];

    /// <summary>
    /// <see cref="FloorRules.Uselessness"/>, where what is better on these samples is not told from chance in another way either.
    /// </summary>
    public string? Uselessness(Floor constant, string network, float[] outputs, CancellationToken cancellationToken)
    {
        var measured = Of(outputs, cancellationToken);
        // What is not a number is not among those that were measured.
        var own = _data.Test.Labels.Score(outputs)[0];
        var held = Of(constant, measured, cancellationToken);
        return IsTold(held, outputs, own, cancellationToken)
            ? null : FloorRules.Uselessness(network, held, own, Enough(constant, cancellationToken), _mayRepeat);
    }

    /// <summary>Ends a build that could not tell any network from one answer for everything, before it has trained one.</summary>
    /// <exception cref="BuildException">There are too few test samples.</exception>
    public void RequireEnough(Floor constant, CancellationToken cancellationToken)
    {
        if (FloorRules.TooFew(_data.Test.Count, constant.Description, Enough(constant, cancellationToken), _mayRepeat) is { } why)
            throw new BuildException(why);
    }

    /// <summary>
    /// How many test samples, labelled in the proportion of these, would tell a model without an error from one answer for everything: what
    /// it is not told by tells no other. As many as there are where these do; <see cref="int.MaxValue"/> where it is no better on these,
    /// and null where no number was found among those that can be tried.
    /// </summary>
    private int? Enough(Floor constant, CancellationToken cancellationToken)
    {
        var count = _data.Test.Count;
        if (count > Many && _data.Test.Origins is null) return count;
        // Samples of one thing count once.
        var step = Math.Max(1, count / (_data.Test.Origins?.Distinct().Count() ?? count));
        bool? Tells(int more) => IsPerfectTold(constant, count + more * step, cancellationToken);
        if (Tells(0) is not { } tells) return int.MaxValue;
        if (tells) return count;
        // Twice as many until they do, then half of what is between.
        var (few, most) = (0, (MostTried - count) / step);
        var many = 1;
        for (; many <= most && Tells(many) != true; many *= 2) few = many;
        if (many > most) return null;
        while (many - few > 1)
        {
            var middle = few + (many - few) / 2;
            if (Tells(middle) == true) many = middle;
            else few = middle;
        }
        return count + many * step;
    }

    /// <summary>Whether a model without an error is told on so many samples, labelled as these are; null where it is no better.</summary>
    private bool? IsPerfectTold(Floor constant, int samples, CancellationToken cancellationToken)
    {
        var count = _data.Test.Count;
        int[] places = [.. Enumerable.Range(0, samples).Select(sample => sample % count)];
        var test = _data.Test with
        {
            Values = Array.Empty<float>(),
            Unheard = null,
            Labels = _data.Test.Labels.Pick(places),
            Origins = _data.Test.Origins is { } origins
                ? RawSamples.Numbered([.. places.Select((place, sample) => (sample / count, origins[place]))]) : null,
        };
        var (table, answers) = (new FloorTable(_data with { Test = test }), PerfectAnswers.Of(test.Labels, _data.Columns));
        var held = table.Of(
            constant with { Outputs = Picked(constant.Outputs, places) }, table.Of(answers, cancellationToken), cancellationToken);
        return held.Gain is not > 0 ? null
            : table.IsTold(held, answers, test.Labels.Score(answers)[0], cancellationToken);
    }

    private static float[] Picked(float[] outputs, int[] places)
    {
        var width = outputs.Length / (places.Max() + 1);
        return [.. places.SelectMany(place => outputs.AsSpan(place * width, width).ToArray())];
    }

    private bool IsTold(FloorReport held, float[] outputs, MetricValue own, CancellationToken cancellationToken)
        => held.Verdict() == FloorVerdict.Better || (held.Gain > 0 && IsToldFromChance(outputs, own, cancellationToken));

    /// <summary>
    /// True where answers have to do with the labels: given to other samples than their own they are seldom as good (Fisher, The Design of
    /// Experiments, 1935; a permutation test at half of what an interval leaves out, the one side of it). On few samples that shows where
    /// the interval of a gain is still too wide: of three classes 18 of 24 are right, and 12 by the commonest. Samples of one origin are
    /// alike, so that among them no exchange is fair and the interval alone tells.
    /// </summary>
    private bool IsToldFromChance(float[] outputs, MetricValue own, CancellationToken cancellationToken)
    {
        if (_data.Test.Origins is not null) return false;
        var (random, width) = (new Random(ExchangeSeed), outputs.Length / _data.Test.Count);
        int[] order = [.. Enumerable.Range(0, _data.Test.Count)];
        var (exchanged, asGood) = (new float[outputs.Length], 1);
        const double share = (1 - Bootstrap.Level) / 2;
        for (var exchange = 0; exchange < Exchanges && asGood <= share * (Exchanges + 1); exchange++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            random.Shuffle(order);
            for (var sample = 0; sample < order.Length; sample++)
                outputs.AsSpan(order[sample] * width, width).CopyTo(exchanged.AsSpan(sample * width));
            if (!(_data.Test.Labels.Score(exchanged)[0].Goodness() < own.Goodness())) asGood++;
        }
        return asGood <= share * (Exchanges + 1);
    }

    /// <summary>Measures answers, a row for each sample; those that it was asked about before are known.</summary>
    public Measured Of(float[] outputs, CancellationToken cancellationToken)
        => _known.TryGetValue(outputs, out var known) ? known : _known[outputs] = Measure(outputs, cancellationToken);

    private Measured Measure(float[] outputs, CancellationToken cancellationToken)
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
