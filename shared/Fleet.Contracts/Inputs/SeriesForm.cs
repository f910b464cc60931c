using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>How rows of a table over time become the channels of a sample.</summary>
/// <param name="Channels">The columns that a model takes, by name, in the order in which a sample has them.</param>
public sealed record SeriesForm(IReadOnlyList<string> Channels)
{
    /// <summary>The rule that it breaks, in a sentence; null where it keeps to all.</summary>
    /// <param name="windows">How its rows are cut.</param>
    internal string? Problem(WindowForm? windows) => windows is null ? "Series are cut into windows, and how is not said."
        : Channels.Count is 0 or > Limits.TableColumns ? $"A series has 1 to {Limits.TableColumns} channels, not {Channels.Count}."
        : Channels.FirstOrDefault(channel => channel.Length > Limits.TableWordLength) is { } channel
            ? $"A channel has a name of {channel.Length} characters, '{channel[..20]}...'; at most {Limits.TableWordLength} are allowed."
        : Channels.Distinct(StringComparer.Ordinal).Count() != Channels.Count ? "Two channels have one name."
        : (long)Channels.Count * windows.Length > Limits.InferenceRequestBytes / sizeof(float)
            ? $"A window of {windows.Length:N0} rows of {Channels.Count:N0} channels is more than one request holds."
        : null;
}
