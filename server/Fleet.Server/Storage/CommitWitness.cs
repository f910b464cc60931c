namespace Fleet.Server.Storage;

/// <summary>A document that was committed.</summary>
/// <param name="Name">Type and id, such as <c>device/press-7</c>.</param>
/// <param name="Before">What it was, as JSON; null when there was none.</param>
/// <param name="After">What it became, as JSON; null when it was removed.</param>
internal sealed record CommittedChange(string Name, string? Before, string? After);

/// <summary>
/// Sees what is committed on behalf of one request, wherever in the rooms that happens: it goes along with the flow of the request, so that
/// no room has to tell of its changes.
/// </summary>
internal sealed class CommitWitness
{
    private const int MostChanges = 20;

    private static readonly AsyncLocal<CommitWitness?> Flow = new();

    private readonly List<CommittedChange> _changes = [];
    private int _more;

    /// <summary>Who sees what is committed here; null when nobody does.</summary>
    public static CommitWitness? Current => Flow.Value;

    /// <summary>What was committed, the first of them, and how many more there were.</summary>
    public (IReadOnlyList<CommittedChange> Changes, int More) Seen
    {
        get
        {
            lock (_changes) return ([.. _changes], _more);
        }
    }

    /// <summary>From here on, along the flow of the caller, commits are seen.</summary>
    public static CommitWitness Begin() => Flow.Value = new CommitWitness();

    /// <summary>
    /// From here to the end of the asynchronous method that calls it, commits are not seen: what they copy has been told of already.
    /// </summary>
    public static void LookAway() => Flow.Value = null;

    /// <summary>Changes were committed.</summary>
    /// <param name="count">How many.</param>
    /// <param name="change">One of them, which is asked for only while it is kept.</param>
    public void Saw(int count, Func<int, CommittedChange> change)
    {
        lock (_changes)
        {
            var kept = Math.Min(count, MostChanges - _changes.Count);
            for (var i = 0; i < kept; i++) _changes.Add(change(i));
            _more += count - kept;
        }
    }
}
