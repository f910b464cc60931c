using System.Globalization;
using System.Text.RegularExpressions;

namespace Fleet.Cli.Terminal;

/// <summary>Durations as people write them: <c>500ms</c>, <c>30s</c>, <c>10m</c>, <c>1h30m</c>, <c>7d</c>, or <c>hh:mm:ss</c>.</summary>
internal static partial class DurationText
{
    /// <summary>What is understood, for messages.</summary>
    public const string Rule = "a duration such as 500ms, 30s, 10m, 1h30m or 7d";

    /// <summary>Reads a duration; a bare number is refused because its unit would be a guess.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (Clock().IsMatch(text)) return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration);
        if (Parts().Match(text) is not { Success: true } match) return false;
        var seconds = 0.0;
        for (var i = 0; i < match.Groups["number"].Captures.Count; i++)
        {
            seconds += double.Parse(
                match.Groups["number"].Captures[i].Value, CultureInfo.InvariantCulture) * match.Groups["unit"].Captures[i].Value switch
                {
                    "ms" => 0.001,
                    "s" => 1,
                    "m" => 60,
                    "h" => 3600,
                    _ => 86_400,
                };
        }
        if (seconds > 36_500 * 86_400.0) return false; // A hundred years: past it, it is a typing error.
        duration = TimeSpan.FromSeconds(seconds);
        return true;
    }

    /// <summary>A duration in the two largest units that say something: <c>1m 05s</c>, <c>2h 10m</c>, <c>3d 4h</c>.</summary>
    public static string Of(TimeSpan duration) => duration switch
    {
        { TotalMinutes: < 1 } => Invariant($"{duration.TotalSeconds:0} s"),
        { TotalHours: < 1 } => Invariant($"{(int)duration.TotalMinutes}m {duration.Seconds:00}s"),
        { TotalDays: < 1 } => Invariant($"{(int)duration.TotalHours}h {duration.Minutes:00}m"),
        _ => Invariant($"{(int)duration.TotalDays}d {duration.Hours}h"),
    };

    /// <summary>How long ago a moment was, in one word for a table.</summary>
    public static string Ago(DateTimeOffset? moment, DateTimeOffset now) => moment switch
    {
        null => "never",
        { } at when now - at < TimeSpan.FromSeconds(5) => "now",
        { } at => $"{Of(now - at)} ago",
    };

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    [GeneratedRegex(@"^(?:(?<number>\d+(?:\.\d+)?)(?<unit>ms|s|m|h|d))+$", RegexOptions.CultureInvariant)]
    private static partial Regex Parts();

    [GeneratedRegex(@"^(?:\d+\.)?\d{1,2}:\d{2}:\d{2}(?:\.\d{1,7})?$", RegexOptions.CultureInvariant)]
    private static partial Regex Clock();
}
