using System.Globalization;
using System.Net;
using Fleet.Contracts.Builds;

namespace Fleet.Quantization.Report;

/// <summary>Figures and names as the report page writes them.</summary>
internal static class ReportText
{
    /// <summary>Text made safe for a page: names come from specs and models, which come from elsewhere.</summary>
    public static string Html(string text) => WebUtility.HtmlEncode(text);

    /// <summary>A figure in a table, with the title that stands beside it where a screen is narrow; neither is made safe here.</summary>
    public static string Cell(string title, string text) => $"<td class=\"n\" data-l=\"{title}\">{text}</td>";

    /// <summary>A share as a percentage.</summary>
    public static string Percent(double share) => (share * 100).ToString("0.0", CultureInfo.InvariantCulture) + " %";

    /// <summary>A size in units people compare by.</summary>
    public static string Size(double bytes) => bytes switch
    {
        < 1000 => bytes.ToString("0", CultureInfo.InvariantCulture) + " B",
        < 1e6 => (bytes / 1e3).ToString("0.#", CultureInfo.InvariantCulture) + " kB",
        < 1e9 => (bytes / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + " MB",
        _ => (bytes / 1e9).ToString("0.##", CultureInfo.InvariantCulture) + " GB",
    };

    /// <summary>A latency in the unit that shows its digits.</summary>
    public static string Time(TimeSpan time) => time.TotalMilliseconds < 1
        ? time.TotalMicroseconds.ToString("0", CultureInfo.InvariantCulture) + " µs"
        : time.TotalMilliseconds.ToString("0.00", CultureInfo.InvariantCulture) + " ms";

    /// <summary>An energy in the unit that shows its digits.</summary>
    public static string Energy(double joules) => joules switch
    {
        < 1e-3 => (joules * 1e6).ToString("0.#", CultureInfo.InvariantCulture) + " µJ",
        < 1 => (joules * 1e3).ToString("0.##", CultureInfo.InvariantCulture) + " mJ",
        _ => joules.ToString("0.##", CultureInfo.InvariantCulture) + " J",
    };

    /// <summary>Decibels; equal outputs have none.</summary>
    public static string Decibels(double decibels)
        => decibels >= Closeness.Exact ? "exact" : decibels.ToString("0.0", CultureInfo.InvariantCulture) + " dB";

    /// <summary>A factor.</summary>
    public static string Factor(double factor) => factor.ToString(factor < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture) + "×";

    /// <summary>A whole number with its thousands apart.</summary>
    public static string Count(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>A point of time.</summary>
    public static string Moment(DateTimeOffset moment)
        => moment.ToUniversalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + " UTC";

    /// <summary>How long something took.</summary>
    public static string Duration(TimeSpan time) => time.TotalMinutes < 2
        ? time.TotalSeconds.ToString("0", CultureInfo.InvariantCulture) + " s"
        : time.TotalMinutes.ToString("0.0", CultureInfo.InvariantCulture) + " min";

    /// <summary>With a capital letter.</summary>
    public static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    /// <summary>What a variant is called among those of its profile.</summary>
    public static string ShortName(VariantReport variant)
        => variant.Id.StartsWith(variant.Profile + "-", StringComparison.Ordinal) ? variant.Id[(variant.Profile.Length + 1)..] : variant.Id;

    /// <summary>Why a layer stayed float, or what is said of it, in plain words.</summary>
    public static string Words(LayerFate fate) => fate switch
    {
        LayerFate.ReturnedToFloat => "stayed float: rounding it cost too much",
        LayerFate.NotQuantizable => "stayed float: this technique has no form for it",
        LayerFate.NotFused => "stayed float: the runtime would compute it in float anyway",
        LayerFate.Asked => "stayed float: that was asked for",
        LayerFate.Costly => "rounded: one of the layers that cost most",
        _ => throw new ArgumentOutOfRangeException(nameof(fate), fate, null),
    };
}
