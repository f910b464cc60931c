using Fleet.Server.Storage;

namespace Fleet.Server.Audit;

/// <summary>
/// Keeps in the database where the trail ends, so that lines which are cut off its end are missed, and writes what the quota has held
/// back.
/// </summary>
internal sealed partial class AuditKeeper(
    AuditTrail trail, AuditQuota quota, IFleetStore store, TimeProvider time, ILogger<AuditKeeper> logger)
    : BackgroundService, IHostedLifecycleService
{
    private const string Id = "head";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private AuditHead? _kept;

    /// <summary>Where the trail ends, as the database knows it.</summary>
    public static async Task<AuditHead?> KnownAsync(IFleetStore store, CancellationToken cancellationToken)
        => (await store.FindAsync<AuditHead>(Id, cancellationToken))?.Document;

    /// <inheritdoc/>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (await KnownAsync(store, cancellationToken) is { } known) await trail.ContinueAsync(known);
        await KeepAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>After the last request was answered.</summary>
    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        await SummarizeAsync(all: true);
        await KeepAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.WhenAll(KeepOnAsync(stoppingToken), SummarizeOnAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The server stops: StoppedAsync keeps the rest.
        }
    }

    private async Task KeepOnAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await trail.WaitAsync(stoppingToken);
            // What comes within a second is kept together.
            await Task.Delay(Interval, time, stoppingToken);
            await KeepAsync(stoppingToken);
        }
    }

    private async Task SummarizeOnAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await quota.WaitAsync(stoppingToken);
            await Task.Delay(AuditQuota.Window, time, stoppingToken);
            await SummarizeAsync(all: false);
        }
    }

    private async Task SummarizeAsync(bool all)
    {
        foreach (var (caller, attempts) in quota.End(all))
            await trail.AppendAsync(
                new AuditEntry(
                    time.GetUtcNow(), "fleet-server", "", $"{attempts} more attempts of {caller} were refused within a minute.", null));
    }

    private async Task KeepAsync(CancellationToken cancellationToken)
    {
        if (trail.Head == _kept) return;
        try
        {
            if (await trail.FlushAsync() is not { } head) return;
            var stored = await store.FindAsync<AuditHead>(Id, cancellationToken);
            await store.CommitAsync([stored?.Change(head) ?? StoreChange.Create(Id, head)], cancellationToken);
            _kept = head;
        }
        catch (Exception e) when (e is StoreException or IOException or UnauthorizedAccessException)
        {
            // It is tried again; what keeps the store or the trail from writing is told where it happens.
            LogNotKept(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Debug, "Where the audit trail ends could not be stored: {Reason}")]
    private partial void LogNotKept(string reason);
}
