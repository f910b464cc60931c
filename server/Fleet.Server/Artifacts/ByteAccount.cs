namespace Fleet.Server.Artifacts;

/// <summary>
/// Bytes that somebody was sent, and those that may still be sent, while downloads are under way. They are counted as they go out, without
/// a lock and without a write; whoever keeps the account reads it and stores it, one at a time.
/// </summary>
/// <param name="written">Bytes that are stored already.</param>
internal sealed class ByteAccount(long written)
{
    private long _written = written;
    private long _unwritten;
    private long _reserved;
    private int _grants;

    /// <summary>Bytes that were sent, those not stored yet included.</summary>
    public long Sent => _written + Unwritten;

    /// <summary>Bytes that were sent, and those that downloads which are under way may still send.</summary>
    public long Granted => Sent + Interlocked.Read(ref _reserved);

    /// <summary>Bytes that are not stored yet.</summary>
    public long Unwritten => Interlocked.Read(ref _unwritten);

    /// <summary>True while a download may count up.</summary>
    public bool IsInUse => Volatile.Read(ref _grants) > 0;

    /// <summary>A download begins, which may send so many bytes.</summary>
    public void Reserve(long bytes)
    {
        Interlocked.Increment(ref _grants);
        Interlocked.Add(ref _reserved, bytes);
    }

    /// <summary>So many bytes went out.</summary>
    public void Send(long bytes)
    {
        // Counted twice for a moment rather than not at all.
        Interlocked.Add(ref _unwritten, bytes);
        Interlocked.Add(ref _reserved, -bytes);
    }

    /// <summary>A download has ended, so many bytes of it unsent.</summary>
    public void Release(long unsent)
    {
        Interlocked.Add(ref _reserved, -unsent);
        Interlocked.Decrement(ref _grants);
    }

    /// <summary>So many of the bytes that were not stored are stored now.</summary>
    public void Wrote(long bytes)
    {
        _written += bytes;
        Interlocked.Add(ref _unwritten, -bytes);
    }
}
