using System.Collections.Concurrent;
using System.Threading.Channels;
using Fleet.Contracts.Devices;
using Fleet.Server.Devices;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>
/// Sees that one identity is in use twice. The broker keeps one session for each device, so two programs that share an identity throw
/// each other out, and each comes back.
/// </summary>
internal sealed partial class CloneWatch(IFleetStore store, TimeProvider time, ILogger<CloneWatch> logger)
    : BackgroundService, IConnectionObserver
{
    private static readonly TimeSpan AlarmInterval = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<DeviceId, SessionHistory> _histories = new();
    private readonly Channel<DeviceId> _cloned = Channel.CreateUnbounded<DeviceId>(new UnboundedChannelOptions { SingleReader = true });

    /// <inheritdoc/>
    public void Connected(DeviceId device, string? run) => Note(device, history => history.Connected(run));

    /// <inheritdoc/>
    public void TakenOver(DeviceId device)
    {
        // Who names its runs is judged by them: on a bad link it takes over its own session, again and again.
        if (_histories.TryGetValue(device, out var history) && history.Runs.Count == 0)
            Note(device, known => known.TakenOver(time.GetUtcNow()));
    }

    /// <inheritdoc/>
    public void Subscribed(DeviceId device, string channel)
    {
    }

    /// <inheritdoc/>
    public void Disconnected(DeviceId device)
    {
    }

    /// <inheritdoc/>
    public void Heard(DeviceId device)
    {
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var device in _cloned.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                if (await RaiseAsync(device, stoppingToken)) LogCloned(device);
            }
            catch (StoreException e)
            {
                LogNotRaised(device, e.Message);
            }
        }
    }

    private void Note(DeviceId device, Func<SessionHistory, SessionHistory> change)
    {
        var history = _histories.AddOrUpdate(device, _ => change(SessionHistory.Empty), (_, known) => change(known));
        if (!history.IsCloned) return;
        // The next alarm needs new evidence.
        _histories.TryUpdate(device, SessionHistory.Empty, history);
        _cloned.Writer.TryWrite(device);
    }

    /// <returns>False when it was told within the hour, or the device has been removed since.</returns>
    private Task<bool> RaiseAsync(DeviceId device, CancellationToken cancellationToken) => store.RetryAsync(async _ =>
    {
        if (await store.DeviceAsync(device, cancellationToken) is null) return false;
        var now = time.GetUtcNow();
        var known = await store.FindAsync<DeviceCertificate>(device.Value, cancellationToken);
        if (known?.Document.ClonedAt is { } before && (now - before).Duration() < AlarmInterval) return false;
        await store.CommitAsync(
            [
                known is null
                    ? StoreChange.Create(device.Value, new DeviceCertificate { ClonedAt = now })
                    : known.Change(known.Document with { ClonedAt = now }),
            ],
            cancellationToken);
        return true;
    }, cancellationToken);

    [LoggerMessage(LogLevel.Warning, "Device {Device} is connected twice: two sessions with its identity take turns. Its data folder was "
        + "copied, or somebody holds its key")]
    private partial void LogCloned(DeviceId device);

    [LoggerMessage(LogLevel.Warning, "That device {Device} is connected twice could not be written down: {Reason}")]
    private partial void LogNotRaised(DeviceId device, string reason);
}
