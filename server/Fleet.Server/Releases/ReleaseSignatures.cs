using Fleet.Server.Devices;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>
/// Signs live releases again when the key of releases was replaced, and then tells devices. What was signed stays, byte for byte, and so
/// does the digest that orders and journals know a release by.
/// </summary>
internal sealed partial class ReleaseSignatures(
    IFleetStore store, FleetKeys keys, DeviceBoard board, DesiredNotices notices, TimeProvider time, ILogger<ReleaseSignatures> logger)
    : IRootObserver
{
    /// <inheritdoc/>
    public async Task RootCountsAsync(CancellationToken cancellationToken)
    {
        var signed = 0;
        await foreach (var release in store.AllAsync<Release>("", cancellationToken))
        {
            if (release.Document.ExpiresAt <= time.GetUtcNow() || keys.SignAgain(release.Document.Envelope) is null) continue;
            await store.UpdateAsync<Release>(release.Id, now => keys.SignAgain(now.Envelope) is { } envelope
                ? now with { Envelope = envelope, KeyId = envelope.Signatures[0].KeyId }
                : now, cancellationToken);
            signed++;
        }
        if (signed > 0) LogSigned(signed);
        foreach (var device in board.Online) notices.Notify(device);
    }

    [LoggerMessage(LogLevel.Information, "{Count} releases are signed again, by the key that the newest root names")]
    private partial void LogSigned(int count);
}
