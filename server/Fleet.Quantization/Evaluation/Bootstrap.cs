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

    /// <summary>Least error of a draw, of that of all samples: one that drew a sample again and again knows of none.</summary>
    private const double LeastError = 0.05;

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

    /// <summary>What is measured of each draw; nothing where there are too few samples.</summary>
    public Resampling Of(TaskScore score, CancellationToken cancellationToken)
    {
        if (_clusters.Drawn < FewestSamples) return Resampling.None;
        var (random, error) = (new Random(Seed), ErrorOf(score.InfluenceOnDecibels(SampleWeights.Equal),
            Enumerable.Range(0, _clusters.Places.Count), (double)_clusters.Drawn / _clusters.Places.Count));
        var decibels = DecibelsOf(score.Measured());
        var (times, drawn) = (new int[Samples], new int[_clusters.Drawn]);
        var (draws, studentized) = (new IReadOnlyList<MetricValue>[Draws], new List<double>(Draws));
        for (var draw = 0; draw < Draws; draw++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Array.Clear(times);
            for (var i = 0; i < drawn.Length; i++)
            {
                drawn[i] = random.Next(_clusters.Places.Count);
                foreach (var place in _clusters.Places[drawn[i]]) times[place]++;
            }
            var weights = new SampleWeights(times);
            draws[draw] = score.Measured(weights);
            if (error > 0 && DecibelsOf(draws[draw]) is { } own)
            {
                var ownError = ErrorOf(score.InfluenceOnDecibels(weights), drawn, 1);
                studentized.Add((own - decibels!.Value) / Math.Max(ownError, LeastError * error));
            }
        }
        studentized.Sort();
        return new Resampling(draws, error, studentized);
    }

    /// <summary>The interval of every figure that was measured.</summary>
    public IReadOnlyList<MetricInterval> Intervals(IReadOnlyList<MetricValue> measured, Resampling resampling)
        => [
            .. measured.Select(figure => Widened(figure, resampling, IntervalOf(figure, [
                .. resampling.Draws.Select(draw => draw.FirstOrDefault(value => value.Name == figure.Name)?.Value).OfType<double>(),
            ]))).OfType<MetricInterval>(),
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

    /// <summary>
    /// Where a few samples make most of the noise, those that are missing are missing from every draw as well: percentiles are then too
    /// narrow towards less. How far each draw is off, by its own error, tells more (Efron and Tibshirani, An Introduction to the
    /// Bootstrap, 1993, 12.5, "bootstrap-t"); the wider of both holds.
    /// </summary>
    private static MetricInterval? Widened(MetricValue figure, Resampling resampling, MetricInterval? interval)
    {
        if (interval is null || figure.Name != Metric.SignalToNoise.Name || resampling.Studentized.Count == 0) return interval;
        double End(double share) => Math.Clamp(
            figure.Value - At(resampling.Studentized, share) * resampling.Error, -OutputScore.ExactDecibels, OutputScore.ExactDecibels);
        return interval with
        {
            Low = Math.Min(interval.Low, End((1 + Level) / 2)),
            High = Math.Max(interval.High, End((1 - Level) / 2)),
        };
    }

    /// <summary>Standard error of the decibels by the influence of each cluster (delta method).</summary>
    /// <param name="influence">Of each sample.</param>
    /// <param name="clusters">Numbers of the clusters that are there, again for each time that they are.</param>
    /// <param name="share">How much of them are as many samples as there are: runs of neighbours overlap.</param>
    private double ErrorOf(double[] influence, IEnumerable<int> clusters, double share)
    {
        if (influence.Length == 0) return 0;
        var squares = clusters.Sum(cluster => Math.Pow(_clusters.Places[cluster].Sum(place => influence[place]), 2));
        return Math.Sqrt(squares * share * _clusters.Drawn / (_clusters.Drawn - 1.0));
    }

    private static double? DecibelsOf(IReadOnlyList<MetricValue> figures)
        => figures.FirstOrDefault(figure => figure.Name == Metric.SignalToNoise.Name)?.Value;

    private static double At(IReadOnlyList<double> sorted, double share)
    {
        var place = share * (sorted.Count - 1);
        var below = (int)place;
        return below + 1 < sorted.Count ? sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }
}

/// <summary>What is measured of samples that are drawn again.</summary>
/// <param name="Draws">The figures of each draw.</param>
/// <param name="Error">Standard error of the decibels of all samples; 0 where none can be told.</param>
/// <param name="Studentized">By how many of its own standard errors the decibels of each draw are off, in rising order.</param>
internal sealed record Resampling(IReadOnlyList<IReadOnlyList<MetricValue>> Draws, double Error, IReadOnlyList<double> Studentized)
{
    /// <summary>Too few samples to draw from.</summary>
    public static readonly Resampling None = new([], 0, []);
}
