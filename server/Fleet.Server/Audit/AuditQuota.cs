using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Fleet.Server.Audit;

/// <summary>
/// Bounds what refused attempts write: whoever guesses by the thousand gets some lines a minute, and one that counts the rest.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="lines">Refused attempts of one caller that get a line of their own in a window.</param>
/// <param name="window">How long a window is.</param>
/// <param name="mostCallers">Callers that are told apart.</param>
internal sealed class AuditQuota(TimeProvider time, int lines, TimeSpan window, int mostCallers)
{
    /// <summary>Lines of one caller of the API in a <see cref="Window"/>.</summary>
    public const int Lines = 20;

    /// <summary>The window of callers of the API.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private const int MostCallers = 10_000;
    private const string Others = "others";

    private readonly ConcurrentDictionary<string, (long Since, int Count)> _callers = new();
    private readonly Channel<bool> _heldBack = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>The quota of callers of the API.</summary>
    public AuditQuota(TimeProvider time) : this(time, Lines, Window, MostCallers)
    {
    }

    /// <summary>Counts a refused attempt.</summary>
    /// <returns>True when it gets a line of its own.</returns>
    public bool Takes(string caller)
    {
        // Not the clock: one that is set back would keep a window open for as long.
        var now = time.GetTimestamp();
        if (_callers.Count >= mostCallers) Forget(now);
        // Whoever has many addresses shares the lines of one.
        var key = _callers.Count < mostCallers || _callers.ContainsKey(caller) ? caller : Others;
        var isLine = _callers.AddOrUpdate(
            key, (now, 1), (_, seen) => IsOver(seen, now) && seen.Count <= lines ? (now, 1) : (seen.Since, seen.Count + 1)).Count <= lines;
        if (!isLine) _heldBack.Writer.TryWrite(true);
        return isLine;
    }

    /// <summary>Returns once an attempt got no line of its own.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await _heldBack.Reader.ReadAsync(cancellationToken);

    /// <summary>Ends the windows that are over.</summary>
    /// <param name="all">The others too: the server stops.</param>
    /// <returns>Who tried more often than there were lines, and how many attempts got none.</returns>
    public IEnumerable<(string Caller, int Attempts)> End(bool all)
    {
        foreach (var (caller, seen) in _callers)
        {
            if (!all && !IsOver(seen, time.GetTimestamp())) continue;
            if (_callers.TryRemove(caller, out var ended) && ended.Count > lines) yield return (caller, ended.Count - lines);
        }
    }

    private bool IsOver((long Since, int Count) seen, long now) => time.GetElapsedTime(seen.Since, now) >= window;

    private void Forget(long now)
    {
        foreach (var (caller, seen) in _callers)
        {
            if (IsOver(seen, now) && seen.Count <= lines) _callers.TryRemove(caller, out _);
        }
    }
}
