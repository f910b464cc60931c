using Fleet.Server.Devices;
using Fleet.Server.Keys;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>
/// Removes what nobody can use any more: every return of a device makes a token, and each of these documents is kept in memory.
/// </summary>
internal sealed partial class EnrollmentRetention(
    IFleetStore store, SigningClock clock, TimeProvider time, ILogger<EnrollmentRetention> logger)
        : DailyRetention(clock, time, logger)
{
    /// <summary>How long what has ended can be read still.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    private const int ChangesPerCommit = 1000;

    /// <inheritdoc/>
    protected override async Task ForgetAsync(CancellationToken cancellationToken)
    {
        var before = Time.GetUtcNow() - Kept;
        var tokens = await TokensAsync(before, cancellationToken);
        List<StoreChange> gone =
        [
            .. tokens, .. await RejectedAsync(before, [.. tokens.Select(token => token.Id)], cancellationToken),
            .. await EndedAsync(before, cancellationToken),
        ];
        foreach (var part in gone.Chunk(ChangesPerCommit)) await store.CommitAsync(part, cancellationToken);
        if (gone.Count > 0) LogRemoved(Logger, gone.Count);
    }

    /// <summary>Tokens that ended, but for those that say what a device will be which waits still.</summary>
    private async Task<IReadOnlyList<StoreChange>> TokensAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        var waitedFor = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var pending in store.AllAsync<PendingEnrollment>("", cancellationToken))
        {
            if (pending.Document.RejectedAt is null) waitedFor.Add(pending.Document.Token);
        }
        return await RemovalsAsync<StoredToken>(
            token => (token.Document.ExpiresAt < before || token.Document.RevokedAt < before) && !waitedFor.Contains(token.Id),
            cancellationToken);
    }

    /// <summary>Requests that were rejected and cannot be made again: their token is gone.</summary>
    private async Task<IReadOnlyList<StoreChange>> RejectedAsync(
        DateTimeOffset before, HashSet<string> gone, CancellationToken cancellationToken)
    {
        var tokens = await store.AllAsync<StoredToken>("", cancellationToken).Select(token => token.Id).Where(id => !gone.Contains(id))
            .ToHashSetAsync(cancellationToken: cancellationToken);
        return await RemovalsAsync<PendingEnrollment>(
            pending => pending.Document.RejectedAt < before && !tokens.Contains(pending.Document.Token), cancellationToken);
    }

    /// <summary>What a removed device was told last, and its certificates, once none of them is valid any more.</summary>
    private async Task<IReadOnlyList<StoreChange>> EndedAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        var ended = new List<StoreChange>();
        await foreach (var desired in store.AllAsync<DeviceDesired>("", cancellationToken))
        {
            if (desired.Document.EndedAt is not { } at || at >= before) continue;
            if (await store.FindAsync<Device>(desired.Id, cancellationToken) is not null) continue;
            var certificate = await store.FindAsync<DeviceCertificate>(desired.Id, cancellationToken);
            if ((certificate?.Document.LastEnd ?? at + FleetOptions.LongestCertificateLifetime) >= before) continue;
            ended.Add(desired.Removal());
            if (certificate is not null) ended.Add(certificate.Removal());
        }
        return ended;
    }

    private async Task<IReadOnlyList<StoreChange>> RemovalsAsync<T>(Func<Stored<T>, bool> isGone, CancellationToken cancellationToken)
        where T : class
        => await store.AllAsync<T>("", cancellationToken).Where(isGone).Select(stored => stored.Removal()).ToListAsync(cancellationToken);

    [LoggerMessage(LogLevel.Information, "{Count} ended tokens, rejected requests and records of removed devices are forgotten")]
    private static partial void LogRemoved(ILogger logger, int count);
}
