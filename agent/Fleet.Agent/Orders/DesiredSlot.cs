using Fleet.Contracts.State;

namespace Fleet.Agent.Orders;

/// <summary>Holds only the newest desired state: an older one that was never started is replaced.</summary>
internal sealed class DesiredSlot
{
    private readonly Lock _lock = new();
    private DesiredState? _newest;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The desired state that waits; null when none does.</summary>
    public DesiredState? Newest
    {
        get { lock (_lock) return _newest; }
    }

    /// <summary>Stores a desired state, unless a newer one waits.</summary>
    public void Set(DesiredState state)
    {
        lock (_lock)
        {
            if (_newest?.Place() > state.Place()) return;
            _newest = state;
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Takes the desired state that waits.</summary>
    public DesiredState? Take()
    {
        lock (_lock)
        {
            var taken = _newest;
            _newest = null;
            return taken;
        }
    }

    /// <summary>Completes when a desired state other than <paramref name="seen"/> waits; nothing is taken.</summary>
    public Task ChangedAsync(DesiredState? seen, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            var changed = _newest is not null && !ReferenceEquals(_newest, seen);
            return changed ? Task.CompletedTask : _changed.Task.WaitAsync(cancellationToken);
        }
    }
}
