using System.Diagnostics.CodeAnalysis;

namespace Fleet.Contracts.Devices;

/// <summary>
/// A selection of devices by equality, all terms of which must hold: <c>profile=x64,label.site=berlin</c>. Keys are
/// <c>id</c>, <c>profile</c>, <c>architecture</c> and <c>label.NAME</c>; the empty filter selects every device.
/// </summary>
public sealed record DeviceFilter
{
    private const string LabelPrefix = "label.";

    /// <summary>The filter that selects every device.</summary>
    public static readonly DeviceFilter All = new() { Terms = [] };

    /// <summary>The terms, in the order written.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Terms { get; init; }

    /// <summary>Reads a filter; on failure <paramref name="problem"/> names the term and what is allowed.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out DeviceFilter? filter, [NotNullWhen(false)] out string? problem)
    {
        (filter, problem) = (null, null);
        var terms = new List<KeyValuePair<string, string>>();
        foreach (var term in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var parts = term.Split('=', 2, StringSplitOptions.TrimEntries);
            var known = parts[0] is "id" or "profile" or "architecture"
                || (parts[0].StartsWith(LabelPrefix, StringComparison.Ordinal) && Names.IsName(parts[0][LabelPrefix.Length..]));
            if (parts.Length != 2 || parts[1].Length == 0 || !known)
            {
                problem = $"Filter term '{term}' is not understood: write key=value with key one of id, profile, architecture, label.NAME.";
                return false;
            }
            terms.Add(new(parts[0], parts[1]));
        }
        filter = new DeviceFilter { Terms = terms };
        return true;
    }

    /// <summary>True when every term holds for the device described.</summary>
    public bool Selects(DeviceId id, string? profile, string architecture, IReadOnlyDictionary<string, string> labels)
        => Terms.All(term => term.Key switch
        {
            "id" => id.Value == term.Value,
            "profile" => profile == term.Value,
            "architecture" => architecture == term.Value,
            var key => labels.GetValueOrDefault(key[LabelPrefix.Length..]) == term.Value,
        });

    /// <summary>True when this selects every device that <paramref name="other"/> selects, whatever devices there are.</summary>
    public bool Covers(DeviceFilter other) => Terms.All(other.Terms.Contains);

    /// <summary>The filter that selects what both select.</summary>
    public DeviceFilter And(DeviceFilter other) => new() { Terms = [.. Terms, .. other.Terms.Except(Terms)] };

    /// <inheritdoc/>
    public override string ToString() => string.Join(',', Terms.Select(term => $"{term.Key}={term.Value}"));
}
