using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Artifacts;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Counts what devices fetch for a rollout while it is served, and lets no download begin that could exceed the plan's budgets. What is
/// served is kept in memory and stored every <see cref="Interval"/> and at the end: a server that is killed forgets no more than that.
/// </summary>
internal sealed partial class FetchLedger(IFleetStore store, TimeProvider time, ILogger<FetchLedger> logger)
    : BackgroundService, IArtifactMeter
{
    /// <summary>How often what was served is stored.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>A download of which nothing has gone out for so long is taken for dead when its device asks anew.</summary>
    internal static readonly TimeSpan DeadAfter = TimeSpan.FromSeconds(2);

    private const int AccountsPerCommit = 250;

    private const string SetAside = "Downloads that are under way may need the bytes that the rollout has left: ask again in a moment.";

    /// <summary>One grant or one commit at a time, so that what is granted is counted once, stored or not.</summary>
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Accounts that are in use or not stored yet, by the id of their document.</summary>
    private readonly Dictionary<string, ByteAccount> _accounts = new(StringComparer.Ordinal);

    /// <summary>Downloads under way, by the account of their device.</summary>
    private readonly ConcurrentDictionary<ArtifactGrant, string> _underWay = new();

    /// <inheritdoc/>
    public async Task<Answer<ArtifactGrant>> GrantAsync(
        DeviceId device, ArtifactUse use, long bytes, CancellationToken cancellationToken)
    {
        if (await ChargedAsync(device, use, cancellationToken) is not { } rollout) return new ArtifactGrant(bytes, time);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var id = FetchedBytes.IdOf(rollout.Id, device);
            var one = await OpenAsync(id, cancellationToken);
            var together = await OpenAsync(rollout.Id, cancellationToken);
            // What is set aside may come back unsent, so that it refuses nobody for good: a device that comes back after its connection
            // broke finds what its dead download had set aside.
            if (ByteBudget.ReasonAgainst(rollout.Plan, one.Sent, together.Sent, bytes) is { } reason)
            {
                await NoteRefusalAsync(id, reason, cancellationToken);
                LogRefused(device, bytes, rollout.Id, reason);
                return Refusal.Forbidden(reason);
            }
            return ByteBudget.ReasonAgainst(rollout.Plan, one.Granted, together.Granted, bytes) is null
                ? Begin(id, bytes, one, together)
                : PutOff(id);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Stores what was served since the last time.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            foreach (var part in _accounts.Where(each => each.Value.Unwritten > 0).Chunk(AccountsPerCommit))
                await WriteAsync(part, cancellationToken);
            foreach (var (id, account) in _accounts.ToList())
            {
                // In this order: a download that has ended charges nothing after.
                if (!account.IsInUse && account.Unwritten == 0) _accounts.Remove(id);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryWriteAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _turn.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken)) await TryWriteAsync(stoppingToken);
    }

    private ArtifactGrant Begin(string id, long bytes, params IReadOnlyList<ByteAccount> accounts)
    {
        var grant = new ArtifactGrant(bytes, time, accounts) { Ended = ended => _underWay.TryRemove(ended, out _) };
        _underWay[grant] = id;
        return grant;
    }

    /// <summary>Ends what the same device has left behind, and lets it ask again.</summary>
    private ApiProblem PutOff(string id)
    {
        foreach (var (grant, of) in _underWay)
            if (of == id && grant.Idle >= DeadAfter) grant.Abort();
        return new ApiProblem(SetAside, StatusCodes.Status503ServiceUnavailable, []);
    }

    private async Task TryWriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WriteAsync(cancellationToken);
        }
        catch (Exception e) when (e is StoreException or VersionConflictException)
        {
            // It stays in memory and counts; a full disk is told by health.
            LogNotWritten(e.Message);
        }
    }

    /// <summary>
    /// The rollout that a download is charged to; null for none. A device that is told by its target alone, that takes something back or
    /// that lost what a rollout of long ago brought is held to no budget of bytes.
    /// </summary>
    private async Task<Rollout?> ChargedAsync(DeviceId device, ArtifactUse use, CancellationToken cancellationToken)
    {
        if (use.Rollout is not { } id) return null;
        var part = (await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(id, device), cancellationToken))?.Document;
        if (part is null or { Status: DeviceRolloutStatus.Left }
            || !part.Models.Any(model => model.Model == use.Model && model.Version == use.Version)) return null;
        var rollout = (await store.FindAsync<Rollout>(id, cancellationToken))?.Document;
        return rollout is { IsOpen: true } || part.Status == DeviceRolloutStatus.Running ? rollout : null;
    }

    private async Task<ByteAccount> OpenAsync(string id, CancellationToken cancellationToken)
    {
        if (!_accounts.TryGetValue(id, out var account))
        {
            var stored = await store.FindAsync<FetchedBytes>(id, cancellationToken);
            _accounts[id] = account = new ByteAccount(stored?.Document.Bytes ?? 0);
        }
        return account;
    }

    private async Task WriteAsync(KeyValuePair<string, ByteAccount>[] part, CancellationToken cancellationToken)
    {
        var (changes, amounts) = (new List<StoreChange>(), new List<long>());
        foreach (var (id, account) in part)
        {
            var amount = account.Unwritten;
            amounts.Add(amount);
            changes.Add(await ChangeAsync(id, fetched => fetched with { Bytes = fetched.Bytes + amount }, cancellationToken));
        }
        await store.CommitAsync(changes, cancellationToken);
        foreach (var ((_, account), amount) in part.Zip(amounts)) account.Wrote(amount);
    }

    /// <summary>Stored at once, and once: a device that asks again and again, for whatever part, writes nothing more.</summary>
    private async Task NoteRefusalAsync(string id, string reason, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<FetchedBytes>(id, cancellationToken) is { Document.Refused: not null }) return;
        await store.CommitAsync(
            [await ChangeAsync(id, fetched => fetched with { Refused = reason }, cancellationToken)], cancellationToken);
    }

    private async Task<StoreChange> ChangeAsync(
        string id, Func<FetchedBytes, FetchedBytes> change, CancellationToken cancellationToken)
        => await store.FindAsync<FetchedBytes>(id, cancellationToken) is { } stored
            ? stored.Change(change(stored.Document))
            : StoreChange.Create(id, change(new FetchedBytes(0)));

    [LoggerMessage(LogLevel.Debug, "Device {Device} may not fetch {Bytes} more bytes for rollout {Rollout}: {Reason}")]
    private partial void LogRefused(DeviceId device, long bytes, string rollout, string reason);

    [LoggerMessage(LogLevel.Warning, "What devices fetched was not stored: {Reason} It is tried again within seconds.")]
    private partial void LogNotWritten(string reason);
}
