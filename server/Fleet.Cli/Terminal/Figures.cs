using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Terminal;

/// <summary>Numbers as people read them in a table.</summary>
internal static class Figures
{
    /// <summary>What stands where nothing was measured.</summary>
    public const string None = "-";

    /// <summary>A share of 0 to 1 in percent with one digit.</summary>
    public static string Percent(double? share) => share is { } value ? Invariant($"{100 * value:0.0} %") : None;

    /// <summary>Bytes in the largest unit that leaves a number of at least one; a kB has 1,000, as where sizes are given.</summary>
    public static string Bytes(long? bytes) => bytes switch
    {
        null => None,
        < 1_000 => Invariant($"{bytes} B"),
        < 1_000_000 => Invariant($"{bytes / 1e3:0.0} kB"),
        < 1_000_000_000 => Invariant($"{bytes / 1e6:0.0} MB"),
        _ => Invariant($"{bytes / 1e9:0.0} GB"),
    };

    /// <summary>Milliseconds with three digits that count: 0.042, 1.53, 12.7, 845.</summary>
    public static string Milliseconds(TimeSpan? duration) => duration is null ? None : $"{BareMilliseconds(duration)} ms";

    /// <summary>The same for a column whose heading names the unit.</summary>
    public static string BareMilliseconds(TimeSpan? duration) => duration?.TotalMilliseconds switch
    {
        null => None,
        < 1 and var value => Invariant($"{value:0.000}"),
        < 10 and var value => Invariant($"{value:0.00}"),
        < 100 and var value => Invariant($"{value:0.0}"),
        var value => Invariant($"{value:0}"),
    };

    /// <summary>The median and the 95th percentile.</summary>
    public static string Latency(LatencySummary? latency)
        => latency is null ? None : $"{Milliseconds(latency.P50)} / {Milliseconds(latency.P95)}";

    /// <summary>Decibels with one digit; equal outputs have none.</summary>
    public static string Decibels(double? decibels) => decibels switch
    {
        null => None,
        >= Closeness.Exact => "equal",
        { } value => Invariant($"{value:0.0}"),
    };

    /// <summary>Joules in the unit that shows their digits.</summary>
    public static string Energy(double? joules) => joules switch
    {
        null => None,
        < 1e-3 => Invariant($"{1e6 * joules:0.0} uJ"),
        < 1 => Invariant($"{1e3 * joules:0.00} mJ"),
        { } value => Invariant($"{value:0.00} J"),
    };

    /// <summary>A whole number with a separator for thousands.</summary>
    public static string Count(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>A count with the word for what is counted: <c>1 device</c>, <c>1,200 devices</c>.</summary>
    public static string Counted(long number, string word) => $"{Count(number)} {word}{(number == 1 ? "" : "s")}";

    /// <summary>A moment to the second, in UTC as the server keeps it.</summary>
    public static string Moment(DateTimeOffset? moment)
        => moment is { } at ? at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) : None;

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    /// <summary>A variant's scheme, with the bits that its weights take where layers differ in them.</summary>
    public static string Scheme(VariantReport variant) => variant is { Scheme: "mixed-weights", AverageBits: { } bits }
        ? FormattableString.Invariant($"{variant.Scheme} ({bits:0.0} bits)")
        : variant.Scheme;
}
