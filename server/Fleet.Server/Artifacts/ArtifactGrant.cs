namespace Fleet.Server.Artifacts;

/// <summary>Leave to send a device so many bytes, and the accounts that they are charged to. It ends with the download.</summary>
internal sealed class ArtifactGrant : IDisposable
{
    private readonly IReadOnlyList<ByteAccount> _accounts;
    private long _unsent;

    /// <param name="bytes">Most bytes that the answer has.</param>
    /// <param name="accounts">What they are charged to; none where nobody counts.</param>
    public ArtifactGrant(long bytes, params IReadOnlyList<ByteAccount> accounts)
    {
        (_accounts, _unsent) = (accounts, bytes);
        foreach (var account in accounts) account.Reserve(bytes);
    }

    /// <summary>Charges bytes that went out.</summary>
    public void Send(long bytes)
    {
        _unsent -= bytes;
        foreach (var account in _accounts) account.Send(bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var account in _accounts) account.Release(_unsent);
    }
}
