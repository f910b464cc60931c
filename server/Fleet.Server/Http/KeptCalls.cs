namespace Fleet.Server.Http;

/// <summary>How much is kept of the calls of each caller, so that none of them fills the memory of all.</summary>
internal sealed class KeptCalls
{
    /// <summary>Most calls of one caller that are known at a time.</summary>
    public const int MostCalls = 20_000;

    /// <summary>Most bytes of all answers to one caller. A call past them is done once as well, and its answer is not kept.</summary>
    public const int MostBytes = 16 * 1024 * 1024;

    private readonly Lock _lock = new();
    private Dictionary<string, (int Calls, long Bytes)> _callers = new(StringComparer.Ordinal);

    /// <summary>True where there is room for another call.</summary>
    public bool HasRoomFor(string caller)
    {
        lock (_lock) return _callers.GetValueOrDefault(caller).Calls < MostCalls;
    }

    /// <summary>Counts a call that begins.</summary>
    public void Begins(string caller)
    {
        lock (_lock)
        {
            var (calls, bytes) = _callers.GetValueOrDefault(caller);
            _callers[caller] = (calls + 1, bytes);
        }
    }

    /// <summary>Counts the bytes of an answer; false where there is no room for them.</summary>
    public bool Keeps(string caller, int more)
    {
        lock (_lock)
        {
            var (calls, bytes) = _callers.GetValueOrDefault(caller);
            if (bytes + more > MostBytes) return false;
            _callers[caller] = (calls, bytes + more);
            return true;
        }
    }

    /// <summary>A call that began is not kept after all.</summary>
    public void Forgets(string caller)
    {
        lock (_lock)
        {
            var (calls, bytes) = _callers.GetValueOrDefault(caller);
            _callers[caller] = (Math.Max(0, calls - 1), bytes);
        }
    }

    /// <summary>Counts anew what is kept.</summary>
    public void Recount(IEnumerable<IdempotentCall> kept)
    {
        var callers = new Dictionary<string, (int Calls, long Bytes)>(StringComparer.Ordinal);
        foreach (var call in kept)
        {
            var (calls, bytes) = callers.GetValueOrDefault(call.Caller);
            callers[call.Caller] = (calls + 1, bytes + (call.Answer?.Length ?? 0));
        }
        lock (_lock) _callers = callers;
    }
}
