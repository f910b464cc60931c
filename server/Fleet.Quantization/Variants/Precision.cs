using System.Globalization;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;

namespace Fleet.Quantization.Variants;

/// <summary>Whether there are enough samples to tell a figure as exactly as it is asked for, and how many would be.</summary>
internal static class Precision
{
    /// <summary>Decibels to which closeness should be known: less is no reason to prefer one variant to another.</summary>
    private const double Decibels = 1;

    /// <summary>More samples than anybody gives: a figure that would take more is at its limit.</summary>
    private const double MostSamples = 1e6;

    /// <summary>Half the width that an interval of the figure that decides should have, in the metric's unit.</summary>
    /// <param name="figure">The figure that decides, of the float model.</param>
    /// <param name="maximumDrop">What a variant may lose of it.</param>
    public static double Asked(MetricValue figure, double maximumDrop) => figure.Unit switch
    {
        Units.Decibels => Decibels,
        Units.Ratio => maximumDrop,
        _ => Math.Abs(figure.Value) * maximumDrop,
    };

    /// <summary>What to say of an interval that is too wide, or of one that there is none of; null where it is exact enough.</summary>
    /// <param name="title">What the interval is of.</param>
    /// <param name="unit">Its unit.</param>
    /// <param name="interval">The interval; null where there were too few samples.</param>
    /// <param name="samples">Samples it rests on.</param>
    /// <param name="asked">Half the width it should have.</param>
    public static string? Lacking(string title, string unit, MetricInterval? interval, int samples, double asked)
    {
        if (interval is null && samples >= Bootstrap.FewestSamples)
            return Text($"Of {samples} samples that report too few tell how far {title} may be off; give more to --validation.");
        if (interval is null)
            return Text($"{samples} sample{(samples == 1 ? "" : "s")} report: too few to tell how far {title} may be off; give at least ")
                + Text($"{2 * Bootstrap.FewestSamples} to --validation.");
        var half = (interval.High - interval.Low) / 2;
        if (!(half > asked) || asked <= 0) return null;
        // The width of an interval falls with the root of the number of samples.
        var enough = samples * Math.Pow(half / asked, 2);
        return Text($"On {samples} samples {title} is known to {Shown(half, unit)}; {Shown(asked, unit)} would take about ")
            + Text($"{Rounded(2 * enough):N0} samples to judge, half of which report.");
    }

    /// <summary>What to say of a figure that holds its limit, where its interval reaches past that; null where it does not.</summary>
    /// <param name="figure">Decibels that are reached, or what is lost of a metric.</param>
    /// <param name="interval">Its interval; null where there is none.</param>
    /// <param name="limit">The least decibels, or the largest loss.</param>
    /// <param name="unit">Unit of all three.</param>
    /// <param name="samples">Samples that the interval rests on.</param>
    public static string? ReachingPast(double figure, MetricInterval? interval, double limit, string unit, int samples)
    {
        var isLoss = unit != Units.Decibels;
        if (interval is null || !(isLoss ? interval.High > limit : interval.Low < limit)) return null;
        var (reach, room) = isLoss ? (interval.High - figure, limit - figure) : (figure - interval.Low, figure - limit);
        // As the interval's width does, its reach falls with the root of the number of samples.
        var enough = 2 * samples * Math.Pow(reach / room, 2);
        return (isLoss
                ? $"Its figure holds the limit, its interval reaches past it: {Amount(interval.High, unit)} may be lost, and the limit "
                    + $"is {Amount(limit, unit)}; "
                : Text($"Its figure holds the limit of {limit:0.##} dB, its interval reaches below, to {interval.Low:0.0} dB; "))
            + (enough < MostSamples
                ? Text($"about {Rounded(enough):N0} samples to judge, half of which report, would tell.")
                : "it is too near the limit for samples to tell.");
    }

    private static string Amount(double loss, string unit) => unit == Units.Ratio
        ? Text($"{100 * loss:0.##} {(Math.Round(100 * loss, 2) == 1 ? "point" : "points")}") : Units.Text(Math.Round(loss, 3), unit);

    private static string Shown(double half, string unit) => unit == Units.Ratio
        ? Text($"±{100 * half:0.##} points")
        : $"±{Units.Text(Math.Round(half, 2), unit)}";

    /// <summary>Two digits: more would claim what nobody knows.</summary>
    private static double Rounded(double number)
    {
        var scale = Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(Math.Max(1, number))) - 1));
        return Math.Ceiling(number / scale) * scale;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
