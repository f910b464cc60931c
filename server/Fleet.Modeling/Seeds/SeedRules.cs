using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;
using MathNet.Numerics.Distributions;

namespace Fleet.Modeling.Seeds;

/// <summary>Who tells that a network is better than one answer for everything.</summary>
internal enum SeedVerdict
{
    /// <summary>Nobody does.</summary>
    None,
    /// <summary>The first seed's own test samples, which the seeds together do not contradict.</summary>
    Alone,
    /// <summary>The seeds together, where the first seed's own test samples are too few to.</summary>
    Together,
}

/// <summary>What follows from the figures of several seeds. Pure.</summary>
internal static class SeedRules
{
    /// <summary>
    /// A figure over seeds. Its interval is Student's, of a variance of s² (1/n + q): q is 0 where all seeds have the same test samples,
    /// and where each has its own, test samples for each that is learned from: seeds then have most of what they learn from in common
    /// and scatter less than other data would (Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52, 2003).
    /// </summary>
    /// <param name="name">Whose.</param>
    /// <param name="figures">Of each seed, at least two.</param>
    /// <param name="shared">q.</param>
    /// <param name="errors">
    /// Standard error of each figure over its test samples, in its unit, where it is known: the interval is then not narrower than these
    /// make it, for few seeds may be alike by chance.
    /// </param>
    public static SeedsFigure Over(
        string name, IReadOnlyList<MetricValue> figures, double shared, IReadOnlyList<double>? errors = null)
    {
        var (count, first) = (figures.Count, figures[0]);
        var mean = figures.Average(figure => figure.Value);
        var deviation = Math.Sqrt(figures.Sum(figure => (figure.Value - mean) * (figure.Value - mean)) / (count - 1));
        const double upper = (1 + Bootstrap.Level) / 2;
        var root = Math.Sqrt(1.0 / count + shared);
        var half = StudentT.InvCDF(0, 1, count - 1, upper) * deviation * root;
        if (errors is not null)
            half = Math.Max(half, Normal.InvCDF(0, 1, upper) * Math.Sqrt(errors.Average(error => error * error)) * root);
        return new SeedsFigure(
            name, first with { Value = mean }, deviation, new MetricInterval(first.Name, mean - half, mean + half));
    }

    /// <summary>The same of a share, which is within 0 and 1.</summary>
    public static SeedsFigure Within(SeedsFigure figure) => figure.Mean.Unit != Units.Ratio ? figure : figure with
    {
        Interval = figure.Interval with { Low = Math.Max(0, figure.Interval.Low), High = Math.Min(1, figure.Interval.High) },
    };

    /// <summary>By how much the second is better than the first, below zero where it is worse.</summary>
    public static MetricValue Gain(MetricValue floor, MetricValue figure)
        => figure with { Value = figure.Goodness() - floor.Goodness(), Better = MetricDirection.Higher };

    /// <summary>
    /// By how much a network is better than one answer for everything, by all seeds that have such a network; null where the first alone
    /// has one, or where some seed's test samples are too few to say how far its gain may be off.
    /// </summary>
    /// <param name="gain">Of the first seed.</param>
    /// <param name="error">Its standard error over the test samples, in its unit.</param>
    /// <param name="others">The other seeds, each with test samples of its own.</param>
    /// <param name="figureOf">The figure of the network of a seed; null without one.</param>
    /// <param name="errorOf">Standard error of its gain.</param>
    public static SeedsFigure? GainByAll(MetricValue gain, double? error, IReadOnlyList<SeedFigures> others,
        Func<SeedFigures, MetricValue?> figureOf, Func<SeedFigures, double?> errorOf)
    {
        SeedFigures[] having = [.. others.Where(seed => figureOf(seed) is not null)];
        double[] errors = [.. having.Select(errorOf).Prepend(error).OfType<double>()];
        return having.Length == 0 || errors.Length <= having.Length ? null : Over(
            SeedsReport.Constant, [gain, .. having.Select(seed => Gain(seed.Report.Constant!, figureOf(seed)!))],
            Shared(having.Select(seed => seed.Report), cutsTest: true), errors);
    }

    /// <summary>Who tells that the network of the first seed is better than one answer for everything.</summary>
    /// <param name="isTold">True where its own test samples do.</param>
    /// <param name="own">Its gain on them.</param>
    /// <param name="gain">That of all seeds.</param>
    public static SeedVerdict Judge(bool isTold, MetricValue own, SeedsFigure gain)
        => isTold && gain.Mean.Value > 0 ? SeedVerdict.Alone : Keeps(gain, own, 0) ? SeedVerdict.Together : SeedVerdict.None;

    /// <summary>True where all seeds tell that something is left of their gain, and it is there on the first one's own samples.</summary>
    /// <param name="gain">The gain by all seeds.</param>
    /// <param name="own">What is left on the test samples of the first.</param>
    /// <param name="lost">The most that may be lost of it, at least 0.</param>
    public static bool Keeps(SeedsFigure gain, MetricValue own, double lost) => own.Value > 0 && gain.Interval.Low > lost;

    /// <summary>Test samples for each that is learned from, where each seed has its own; else 0.</summary>
    public static double Shared(IEnumerable<SeedReport> seeds, bool cutsTest)
        => cutsTest ? seeds.Average(seed => (double)seed.Test / Math.Max(1, seed.Training)) : 0;

    /// <summary>The part of a report.</summary>
    /// <param name="seeds">Of all seeds, the first being that of the report.</param>
    /// <param name="cutsTest">True where each has test samples of its own.</param>
    public static SeedsReport Report(IReadOnlyList<SeedFigures> seeds, bool cutsTest)
    {
        SeedReport[] each = [.. seeds.Select(seed => seed.Report)];
        var shared = Shared(each, cutsTest);
        IEnumerable<SeedsFigure> Figures(string name, Func<SeedReport, MetricValue?> of)
        {
            MetricValue[] figures = [.. each.Select(of).OfType<MetricValue>()];
            if (figures.Length == each.Length) yield return Within(Over(name, figures, shared));
        }
        IEnumerable<SeedsFigure> Gains(string name, Func<SeedReport, MetricValue?> of, IReadOnlyList<double>? errors)
        {
            if (each.All(seed => of(seed) is not null))
                yield return Over(name, [.. each.Select(seed => Gain(of(seed)!, seed.Student))], shared, errors);
        }
        double[] errors = [.. seeds.Select(seed => seed.StudentError).OfType<double>()];
        return new SeedsReport
        {
            Each = each,
            CutsTest = cutsTest,
            Networks = [
                .. Figures(SeedsReport.Teacher, seed => seed.Teacher), .. Figures(SeedsReport.Student, seed => seed.Student),
                .. Figures(FloorReport.LabelsAlone, seed => seed.LabelsAlone), .. Figures(SeedsReport.Constant, seed => seed.Constant),
            ],
            Gains = [
                .. Gains(FloorReport.LabelsAlone, seed => seed.LabelsAlone, null),
                // Of too few test samples nobody knows how far they are off, nor where the gain lies then.
                .. cutsTest && errors.Length < each.Length ? []
                    : Gains(SeedsReport.Constant, seed => seed.Constant, cutsTest ? errors : null),
            ],
        };
    }

    /// <summary>What a network is better by than one answer for everything, by all seeds, in words.</summary>
    public static string Told(SeedsFigure gain, int seeds) => string.Create(CultureInfo.InvariantCulture,
        $"by {seeds} seeds with test samples of their own it is better by {Units.Text(gain.Mean.Value, gain.Mean.Unit)} on average, and ")
        + $"by {Units.Text(gain.Interval.Low, gain.Mean.Unit)} to {Units.Text(gain.Interval.High, gain.Mean.Unit)} with a confidence of "
        + "95 %";
}
