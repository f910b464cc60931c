using System.Globalization;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>The metric that the variants of a report were judged by, and their figures in it, for tables and pages.</summary>
public sealed class ReportMeasure
{
    private readonly Metric _metric;

    private ReportMeasure(string? name, Scores original)
    {
        // A report that does not say is from before tasks decided: accuracy with labels, otherwise decibels.
        name ??= original.Accuracy is null ? Metric.SignalToNoise.Name : Metric.Accuracy.Name;
        var measured = original.Find(name);
        _metric = Metric.All.GetValueOrDefault(name)
            ?? new Metric(name, name, measured?.Unit ?? Units.OfLabels, measured?.Better ?? MetricDirection.Higher);
        Unit = measured?.Unit ?? _metric.Unit;
        Original = IsCloseness ? MetricValue.Of(_metric, Closeness.Exact) : measured;
    }

    /// <summary>The measure of a build.</summary>
    public static ReportMeasure Of(BuildReport report) => new(report.Measure, report.Student.Scores);

    /// <summary>The measure of a quantization run.</summary>
    public static ReportMeasure Of(QuantizationReport report) => new(report.Measure, report.Original);

    /// <summary>Name of the metric.</summary>
    public string Name => _metric.Name;

    /// <summary>The metric within a line: <c>accuracy</c>, <c>RMSE</c>, <c>signal to noise</c>.</summary>
    public string Title => Threshold.Lowered(_metric.Title);

    /// <summary>Unit of the figures.</summary>
    public string Unit { get; }

    /// <summary>The good end.</summary>
    public MetricDirection Better => _metric.Better;

    /// <summary>True for decibels against the float model's outputs: the measure where there are no labels.</summary>
    public bool IsCloseness => _metric == Metric.SignalToNoise;

    /// <summary>The float model's figure; null when it was not measured.</summary>
    public MetricValue? Original { get; }

    /// <summary>A variant's figure; null when it was not measured.</summary>
    public MetricValue? Of(VariantReport variant) => !IsCloseness ? variant.Scores?.Find(Name)
        : variant.Closeness is { } close ? MetricValue.Of(_metric, close.SignalToNoise) : null;

    /// <summary>A figure for a table: <c>97.6 %</c>, <c>15.76 cycles</c>, <c>31.4 dB</c>.</summary>
    public string Text(double value) => Unit switch
    {
        Units.Ratio => Units.Brief(value, Unit),
        Units.Decibels => value >= Closeness.Exact ? "exact" : value.ToString("0.0", CultureInfo.InvariantCulture) + " dB",
        _ => Units.Text(Math.Round(value, 3), Unit),
    };

    /// <summary>
    /// Where a figure lies, the unit once: <c>95.4 to 97.6 %</c>, <c>15.1 to 16.2 cycles</c>; a hyphen would be taken for a sign.
    /// </summary>
    public string Text(MetricInterval interval)
    {
        var (low, high) = (Text(interval.Low), Text(interval.High));
        var unit = high.LastIndexOf(' ') is var space and >= 0 ? high[space..] : "";
        return unit.Length > 0 && low.EndsWith(unit, StringComparison.Ordinal) ? $"{low[..^unit.Length]} to {high}" : $"{low} to {high}";
    }

    /// <summary>A figure of a seed: one in another metric, such as the mean score where no anomaly judges, in its own unit.</summary>
    public string Text(MetricValue figure) => figure.Name == Name ? Text(figure.Value) : figure.Text();

    /// <summary>Where the mean over seeds lies.</summary>
    public string IntervalOf(SeedsFigure figure) => figure.Mean.Name == Name ? Text(figure.Interval)
        : $"{(figure.Mean with { Value = figure.Interval.Low }).Text()} to {(figure.Mean with { Value = figure.Interval.High }).Text()}";

    /// <summary>The figure of a floor, with where it lies; null when it was not measured in this metric.</summary>
    public string? Of(FloorReport floor) => floor.Scores.Find(Name) is not { } figure ? null
        : Text(figure.Value) + (floor.Intervals.FirstOrDefault(interval => interval.Name == Name) is { } interval
            ? $" ({Text(interval)})" : "");

    /// <summary>By how much a student is better than a floor, with where that lies; null when it was not measured.</summary>
    public string? GainOver(FloorReport floor) => floor.Gain is not { } gain ? null
        : Gained(gain) + (floor.GainInterval is { } interval ? $" ({Gained(interval.Low)} to {Gained(interval.High)})" : "");

    /// <summary>A gain of the student over several seeds, as a sentence.</summary>
    public string Sentence(SeedsFigure gain, int seeds)
    {
        var (low, high) = (gain.Interval.Low, gain.Interval.High);
        var over = gain.Name == FloorReport.LabelsAlone ? "itself on the labels alone" : "one answer for everything";
        var unit = Unit == Units.Ratio ? " points" : Unit.Length > 0 ? $" {Unit}" : "";
        return $"Against {over} the student gains {Gained(gain.Mean.Value)}{unit} on average over {seeds} seeds, paired seed by seed "
            + $"({Gained(low)} to {Gained(high)} with a confidence of 95 %): "
            + $"{(low > 0 ? "it is better" : high < 0 ? "it is worse" : "the two cannot be told apart")}.";
    }

    private string Gained(double gain) => Unit == Units.Ratio
        ? string.Create(CultureInfo.InvariantCulture, $"{gain * 100:+0.0;-0.0;0.0}")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Round(gain, 3):+0.###;-0.###;0}");

    /// <summary>
    /// What a variant lost against the float model: <c>0.09 points lost</c>, <c>4.54 cycles worse</c>; null where nothing was compared so.
    /// </summary>
    public string? Lost(VariantReport variant) => variant.Drop is { } drop ? Lost(drop) : null;

    /// <summary>The same of a loss in the metric's own unit.</summary>
    public string Lost(double drop) => Unit == Units.Ratio
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Abs(drop * 100):0.00} points {(drop < 0 ? "won" : "lost")}")
        : $"{Units.Text(Math.Round(Math.Abs(drop), 3), Unit)} {(drop < 0 ? "better" : "worse")}";

    /// <summary>What a variant must hold to, as a sentence.</summary>
    public string LimitIn(QuantizationSpec spec)
    {
        if (IsCloseness)
        {
            var least = spec.MinimumSignalToNoise ?? QuantizationSpec.DefaultSignalToNoise;
            return Invariant($"A variant below {least:0.##} dB is rejected and never released.");
        }
        if (_metric == Metric.BoxAgreement)
        {
            var least = spec.MinimumBoxAgreement ?? QuantizationSpec.DefaultBoxAgreement;
            return Invariant($"A variant below {100 * least:0.##} % is rejected and never released.");
        }
        return Unit == Units.Ratio
            ? Invariant($"A variant that loses more than {spec.MaximumDrop * 100:0.##} points of {Title} is rejected and never released.")
            : Invariant($"A variant whose {Title} is more than {spec.MaximumDrop * 100:0.##} % worse is rejected and never released.");
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
