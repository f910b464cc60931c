using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using MathNet.Numerics.Distributions;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// How far a figure may be from what all samples of its kind would give: it is computed again over samples drawn from those there are,
/// with replacement, as many as there are (Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7, 1979). Every
/// model is drawn alike, so that differences between models are of the same draws.
/// </summary>
internal sealed class Bootstrap
{
    /// <summary>Confidence of an interval.</summary>
    public const double Level = 0.95;

    /// <summary>Fewer samples say nothing of how they scatter.</summary>
    public const int FewestSamples = 3;

    private const int Seed = 7, Draws = 1_000;

    private readonly SampleClusters _clusters;
    private readonly double _tail;

    /// <summary>Draws for so many samples, each by itself.</summary>
    public Bootstrap(int samples)
        : this(SampleClusters.Single(samples))
    {
    }

    /// <summary>Draws clusters of samples.</summary>
    public Bootstrap(SampleClusters clusters)
    {
        _clusters = clusters;
        var drawn = clusters.Drawn;
        if (drawn < FewestSamples) return;
        // Percentiles of few samples are too narrow; taken so far out that they are as wide as Student's interval of a mean (Hesterberg,
        // What teachers should know about the bootstrap, The American Statistician 69, 2015, "expanded percentile interval").
        var student = StudentT.InvCDF(0, 1, drawn - 1, (1 - Level) / 2);
        _tail = Normal.CDF(0, 1, Math.Sqrt(drawn / (drawn - 1.0)) * student);
    }

    /// <summary>Samples that are drawn from.</summary>
    public int Samples => _clusters.Samples;

    /// <summary>
    /// What a share may still be off where every sample says the same: by the rule of three the next ones differ in at most three of as
    /// many (Hanley and Lippman-Hand, If nothing goes wrong, is everything all right?, JAMA 249, 1983).
    /// </summary>
    public double RuleOfThree => Math.Min(1, 3.0 / Samples);

    /// <summary>The figures of each draw; none where there are too few samples.</summary>
    public IReadOnlyList<IReadOnlyList<MetricValue>> Of(TaskScore score, CancellationToken cancellationToken)
    {
        if (_clusters.Drawn < FewestSamples) return [];
        var random = new Random(Seed);
        var (times, draws) = (new int[Samples], new IReadOnlyList<MetricValue>[Draws]);
        for (var draw = 0; draw < Draws; draw++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Array.Clear(times);
            for (var i = 0; i < _clusters.Drawn; i++)
            {
                foreach (var place in _clusters.Places[random.Next(_clusters.Places.Count)]) times[place]++;
            }
            draws[draw] = score.Measured(new SampleWeights(times));
        }
        return draws;
    }

    /// <summary>The interval of every figure that was measured.</summary>
    public IReadOnlyList<MetricInterval> Intervals(IReadOnlyList<MetricValue> measured, IReadOnlyList<IReadOnlyList<MetricValue>> draws)
        => [
            .. measured.Select(figure => IntervalOf(figure, [
                .. draws.Select(draw => draw.FirstOrDefault(value => value.Name == figure.Name)?.Value).OfType<double>(),
            ])).OfType<MetricInterval>(),
        ];

    /// <summary>The interval of what is lost of a figure.</summary>
    /// <param name="lost">What is lost over all samples.</param>
    /// <param name="drawn">The same of each draw.</param>
    public MetricInterval? LossOf(MetricValue lost, double[] drawn)
    {
        if (drawn.Length == 0 || !double.IsFinite(lost.Value)) return null;
        Array.Sort(drawn);
        // What loses nothing on these may lose or win on the next.
        var rest = lost.Unit == Units.Ratio && drawn[0] == drawn[^1] ? RuleOfThree : 0;
        return new MetricInterval(
            lost.Name, Math.Min(At(drawn, _tail), lost.Value) - rest, Math.Max(At(drawn, 1 - _tail), lost.Value) + rest);
    }

    /// <summary>The interval of a figure; null where nothing can be told of it.</summary>
    /// <param name="figure">The figure over all samples.</param>
    /// <param name="drawn">The same of each draw.</param>
    public MetricInterval? IntervalOf(MetricValue figure, double[] drawn)
    {
        if (drawn.Length == 0 || !double.IsFinite(figure.Value)) return null;
        Array.Sort(drawn);
        var (low, high) = (At(drawn, _tail), At(drawn, 1 - _tail));
        // Where every sample says the same, every draw does, and still the next sample may differ.
        if (figure.Unit == Units.Ratio && drawn[0] == drawn[^1])
        {
            // Boxes of a single picture: no draw without it has any, and nothing tells how others would scatter.
            if (figure.Value is not (0 or 1)) return null;
            (low, high) = figure.Value == 0 ? (0.0, RuleOfThree) : (1 - RuleOfThree, 1.0);
        }
        // A share of samples that is nearly all of them has too few errors for percentiles (Wilson, Probable inference, the law of
        // succession, and statistical inference, Journal of the American Statistical Association 22, 1927).
        if (figure.Name == Metric.Accuracy.Name)
        {
            var (n, z2) = ((double)Samples, Math.Pow(Normal.InvCDF(0, 1, (1 + Level) / 2), 2));
            var middle = (figure.Value + z2 / (2 * n)) / (1 + z2 / n);
            var half = Math.Sqrt(z2 * (figure.Value * (1 - figure.Value) / n + z2 / (4 * n * n))) / (1 + z2 / n);
            (low, high) = (Math.Max(0, Math.Min(low, middle - half)), Math.Min(1, Math.Max(high, middle + half)));
        }
        return new MetricInterval(figure.Name, Math.Min(low, figure.Value), Math.Max(high, figure.Value));
    }

    private static double At(double[] sorted, double share)
    {
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        return below + 1 < sorted.Length ? sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }
}
