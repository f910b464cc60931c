using System.Collections.Immutable;

namespace Fleet.Server.Enrollment;

/// <summary>The latest sessions of one device, as far as they tell whether two programs share its identity. Pure.</summary>
/// <param name="Runs">Runs of its program, each once for as long as it kept coming back; the last one last.</param>
/// <param name="Takeovers">When a session without a named run took another one over.</param>
internal sealed record SessionHistory(ImmutableList<string> Runs, ImmutableList<DateTimeOffset> Takeovers)
{
    /// <summary>Takeovers within <see cref="Window"/> that no bad link explains, of a program that does not name its runs.</summary>
    public const int ManyTakeovers = 10;

    /// <summary>How long takeovers count.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    /// <summary>No sessions yet.</summary>
    public static readonly SessionHistory Empty = new([], []);

    private const int RunsKept = 4;

    /// <summary>
    /// True when two programs take turns. A program that starts again has a new run and never the one before: a run that comes back after
    /// another one was alive all the while.
    /// </summary>
    public bool IsCloned => (Runs.Count > 0 && Runs.IndexOf(Runs[^1]) < Runs.Count - 1) || Takeovers.Count >= ManyTakeovers;

    /// <summary>With one more session.</summary>
    public SessionHistory Connected(string? run)
        => run is null || (Runs.Count > 0 && Runs[^1] == run)
            ? this
            : this with { Runs = Runs.Add(run).RemoveRange(0, Math.Max(0, Runs.Count + 1 - RunsKept)) };

    /// <summary>With one more takeover.</summary>
    public SessionHistory TakenOver(DateTimeOffset now)
        => this with { Takeovers = Takeovers.RemoveAll(at => now - at > Window).Add(now) };
}
