using System.Collections.Immutable;

namespace Fleet.Server.Enrollment;

/// <summary>The latest sessions of one device, as far as they tell whether two programs share its identity. Pure.</summary>
/// <param name="Runs">
/// Runs of its program, each once for as long as it kept coming back; the last one last. An empty name where it says none.
/// </param>
/// <param name="Takeovers">When a session took over another one that was not of the same run.</param>
/// <param name="TakenOverAt">When the last session was taken over, by one that has not said yet of which run it is.</param>
internal sealed record SessionHistory(
    ImmutableList<string> Runs, ImmutableList<DateTimeOffset> Takeovers, DateTimeOffset? TakenOverAt = null)
{
    /// <summary>Takeovers within <see cref="Window"/> that no bad link explains.</summary>
    public const int ManyTakeovers = 10;

    /// <summary>How long takeovers count.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    /// <summary>No sessions yet.</summary>
    public static readonly SessionHistory Empty = new([], []);

    private const int RunsKept = 16;

    private const string Unnamed = "";

    /// <summary>
    /// True when two programs take turns. A program that starts again has a new run and never the one before: a run that comes back after
    /// another one was alive all the while. A copy that names another run each time, or none, is told by how often it takes over.
    /// </summary>
    public bool IsCloned
        => (Runs.Count > 0 && Runs[^1] != Unnamed && Runs.IndexOf(Runs[^1]) < Runs.Count - 1) || Takeovers.Count >= ManyTakeovers;

    /// <summary>With one more session.</summary>
    /// <param name="run">What its program calls its run; null when it does not say.</param>
    public SessionHistory Connected(string? run)
    {
        var name = run ?? Unnamed;
        var isSame = Runs.Count > 0 && Runs[^1] == name;
        // Who names its runs takes over its own session on a bad link, again and again.
        var takeovers = TakenOverAt is { } at && (name == Unnamed || !isSame)
            ? Takeovers.RemoveAll(before => at - before > Window).Add(at)
            : Takeovers;
        return new SessionHistory(
            isSame ? Runs : Runs.Add(name).RemoveRange(0, Math.Max(0, Runs.Count + 1 - RunsKept)), takeovers);
    }

    /// <summary>With a takeover by the session that comes next.</summary>
    public SessionHistory TakenOver(DateTimeOffset now) => this with { TakenOverAt = now };
}
