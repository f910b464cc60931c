using Fleet.Cli.Client;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Display;

/// <summary>Labels on a command line.</summary>
internal static class Labels
{
    /// <summary>Reads <c>key=value</c> terms.</summary>
    public static IReadOnlyDictionary<string, string>? Parse(IReadOnlyList<string> terms)
        => terms.Count == 0
            ? null
            : terms.Select(Split).ToDictionary(term => term.Key, term => term.Value ?? throw Refused(term.Key + "-"));

    /// <summary>Reads <c>key=value</c> to set and <c>key-</c> to remove.</summary>
    public static IReadOnlyDictionary<string, string?> ParseChanges(IReadOnlyList<string> terms)
        => terms.Select(Split).GroupBy(term => term.Key).ToDictionary(group => group.Key, group => group.Last().Value);

    private static KeyValuePair<string, string?> Split(string term) => term.Split('=', 2) switch
    {
        [{ Length: > 0 } key, var value] => new(key, value),
        [{ Length: > 1 } key] when key.EndsWith('-') => new(key[..^1], null),
        _ => throw Refused(term),
    };

    /// <summary>Labels as they are written, joined by <paramref name="separator"/>.</summary>
    public static string Text(IReadOnlyDictionary<string, string>? labels, string separator)
        => string.Join(separator, (labels ?? new Dictionary<string, string>()).Select(label => $"{label.Key}={label.Value}"));

    private static FleetException Refused(string term)
        => new($"Label '{term}' is not understood: write key=value, or key- to remove a label from a device.") { Code = ExitCode.Usage };
}
