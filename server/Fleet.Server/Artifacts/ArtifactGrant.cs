namespace Fleet.Server.Artifacts;

/// <summary>Leave to send a device so many bytes, and the accounts that they are charged to. It ends with the download.</summary>
internal sealed class ArtifactGrant : IDisposable
{
    private readonly TimeProvider _time;
    private readonly IReadOnlyList<ByteAccount> _accounts;
    private long _unsent;
    private long _moved;
    private Action? _abort;

    /// <param name="bytes">Most bytes that the answer has.</param>
    /// <param name="time">What tells how long nothing has gone out.</param>
    /// <param name="accounts">What they are charged to; none where nobody counts.</param>
    public ArtifactGrant(long bytes, TimeProvider time, params IReadOnlyList<ByteAccount> accounts)
    {
        (_accounts, _unsent, _time, _moved) = (accounts, bytes, time, time.GetTimestamp());
        foreach (var account in accounts) account.Reserve(bytes);
    }

    /// <summary>Called once when the download has ended.</summary>
    public Action<ArtifactGrant>? Ended { get; init; }

    /// <summary>How long nothing has gone out: the connection takes nothing, since it is slow, or nobody is there any more.</summary>
    public TimeSpan Idle => _time.GetElapsedTime(Interlocked.Read(ref _moved));

    /// <summary>Says how the download can be ended while it runs.</summary>
    public void EndsBy(Action abort) => Volatile.Write(ref _abort, abort);

    /// <summary>Ends the download, which gives back what it has not sent.</summary>
    public void Abort() => Volatile.Read(ref _abort)?.Invoke();

    /// <summary>Charges bytes that went out.</summary>
    public void Send(long bytes)
    {
        _unsent -= bytes;
        Interlocked.Exchange(ref _moved, _time.GetTimestamp());
        foreach (var account in _accounts) account.Send(bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var account in _accounts) account.Release(_unsent);
        Ended?.Invoke(this);
    }
}
