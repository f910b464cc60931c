using Fleet.Contracts.State;

namespace Fleet.Agent.Link;

/// <summary>Holds the newest desired state only: an older one that was never started is simply replaced.</summary>
internal sealed class DesiredSlot
{
    private readonly Lock _lock = new();
    private DesiredState? _newest;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What waits to be taken.</summary>
    public DesiredState? Newest
    {
        get { lock (_lock) return _newest; }
    }

    /// <summary>Puts a desired state in, unless a newer one waits.</summary>
    public void Set(DesiredState state)
    {
        lock (_lock)
        {
            if (_newest?.Revision > state.Revision) return;
            _newest = state;
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Takes what waits, if anything does.</summary>
    public DesiredState? Take()
    {
        lock (_lock)
        {
            var taken = _newest;
            _newest = null;
            return taken;
        }
    }

    /// <summary>Completes when something else waits than <paramref name="seen"/>; nothing is taken.</summary>
    public Task ChangedAsync(DesiredState? seen, CancellationToken cancellationToken)
    {
        lock (_lock) return _newest is not null && !ReferenceEquals(_newest, seen) ? Task.CompletedTask : _changed.Task.WaitAsync(cancellationToken);
    }
}
