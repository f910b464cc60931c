using System.Globalization;

namespace Fleet.Contracts.Tasks;

/// <summary>Units of metrics as they stand on the wire, and a figure with its unit as people read it.</summary>
public static class Units
{
    /// <summary>A share, 0 to 1.</summary>
    public const string Ratio = "ratio";

    /// <summary>Milliseconds.</summary>
    public const string Milliseconds = "ms";

    /// <summary>Bytes.</summary>
    public const string Bytes = "bytes";

    /// <summary>Joules.</summary>
    public const string Joules = "J";

    /// <summary>Decibels.</summary>
    public const string Decibels = "dB";

    /// <summary>The unit of the labels, which the data set names or nobody does.</summary>
    public const string OfLabels = "";

    /// <summary>Most characters of a unit.</summary>
    public const int Length = 16;

    /// <summary>
    /// A figure for a sentence: <c>0.931</c>, <c>12.5 ms</c>, <c>80 MB</c>, <c>31.2 dB</c>, <c>14.2 cycles</c>. A unit nobody knows stands
    /// as it came.
    /// </summary>
    public static string Text(double value, string unit) => unit switch
    {
        Ratio or OfLabels => Number(value),
        Bytes => string.Create(CultureInfo.InvariantCulture, $"{value / 1e6:0.###} MB"),
        Decibels => $"{value.ToString("0.##", CultureInfo.InvariantCulture)} {unit}",
        Joules when Math.Abs(value) < 1 => $"{Number(value * 1000)} mJ",
        _ => $"{Number(value)} {unit}",
    };

    /// <summary>A figure for a table: shares as <c>93.1 %</c>, the others as in a sentence.</summary>
    public static string Brief(double value, string unit)
        => unit == Ratio ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.0} %") : Text(value, unit);

    private static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
