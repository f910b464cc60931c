using Fleet.Contracts.Http;

namespace Fleet.Server.Events;

/// <summary>What has changed since one reader was told last. It holds a bounded number of changes, however slowly they are taken.</summary>
internal sealed class ChangeSubscription : IDisposable
{
    /// <summary>Most changes that are named one by one; beyond, only their kinds are.</summary>
    public const int MaximumChanges = 500;

    private static readonly ChangeView[] Everything = [.. Enum.GetValues<ChangeKind>().Select(kind => new ChangeView(kind))];

    private readonly ChangeFeed _feed;
    private readonly Lock _lock = new();
    private readonly HashSet<ChangeView> _pending = [];

    /// <summary>Begins to collect.</summary>
    /// <param name="feed">Where changes come from.</param>
    /// <param name="missed">True when the reader may have missed something: then everything may have changed.</param>
    public ChangeSubscription(ChangeFeed feed, bool missed)
    {
        _feed = feed;
        if (missed) _pending.UnionWith(Everything);
    }

    /// <summary>Who reads.</summary>
    public string? Caller { get; init; }

    /// <summary>Notes a change.</summary>
    public void Add(ChangeView change)
    {
        lock (_lock)
        {
            if (_pending.Contains(change with { Id = null })) return;
            if (change.Id is null) _pending.RemoveWhere(each => each.Kind == change.Kind);
            _pending.Add(change);
            if (_pending.Count <= MaximumChanges) return;
            var kinds = _pending.Select(each => each.Kind).ToHashSet();
            _pending.Clear();
            _pending.UnionWith(kinds.Select(kind => new ChangeView(kind)));
        }
    }

    /// <summary>What was noted since the last call, with the moment that it goes up to.</summary>
    public (string Moment, IReadOnlyList<ChangeView> Changes) Take()
    {
        // First the moment: what is noted in between is told, and told again to a reader that comes back with this moment.
        var moment = _feed.Moment;
        lock (_lock)
        {
            ChangeView[] taken = [.. _pending];
            _pending.Clear();
            return (moment, taken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _feed.Leave(this);
}
