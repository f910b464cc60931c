using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Fleet.Contracts.Devices;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Enrollment;

/// <summary>
/// Sees that one identity is in use twice. The broker keeps one session for each device, so two programs that share an identity throw
/// each other out, and each comes back. From then on until somebody has seen to it they take turns, and health warns of the device.
/// </summary>
internal sealed partial class CloneWatch(
    IFleetStore store, SessionTurns turns, ServerHealth health, TimeProvider time, ILogger<CloneWatch> logger)
    : BackgroundService, IConnectionObserver, IDeviceEnd
{
    /// <summary>Addresses that are named, of the latest sessions.</summary>
    private const int Named = 4;

    private static readonly TimeSpan AlarmInterval = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<DeviceId, SessionHistory> _histories = new();
    private readonly ConcurrentDictionary<DeviceId, ImmutableList<Origin>> _origins = new();
    private readonly DeviceFinding _finding = health.Finding("clones", count =>
        $"{count} {(count == 1 ? "device is" : "devices are")} connected twice: a data folder was copied, or somebody holds a key. "
        + "'fleet devices reenroll ID' ends every key of a device but the new one; 'fleet devices acknowledge ID' ends the alarm.");
    private readonly Channel<DeviceId> _cloned = Channel.CreateUnbounded<DeviceId>(new UnboundedChannelOptions { SingleReader = true });

    /// <inheritdoc/>
    public void Connected(DeviceId device, string? run, Origin from)
    {
        _origins.AddOrUpdate(device, _ => [from], (_, known) =>
        {
            if (known[^1] == from) return known;
            var next = known.Remove(from).Add(from);
            return next.Count > Named ? next.RemoveAt(0) : next;
        });
        Note(device, history => history.Connected(run));
    }

    /// <inheritdoc/>
    public void TakenOver(DeviceId device) => Note(device, known => known.TakenOver(time.GetUtcNow()));

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

    /// <summary>Somebody has seen to it, or the device has a new key.</summary>
    public void Settled(DeviceId device)
    {
        _finding.Remove(device);
        turns.Settled(device);
        _histories.TryRemove(device, out _);
        _origins.TryRemove(device, out _);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
    {
        Settled(device);
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await foreach (var known in store.AllAsync<DeviceCertificate>("", cancellationToken))
        {
            if (known.Document.ClonedAt is not null) InDoubt(DeviceId.Parse(known.Id), known.Document.ClonedFrom);
        }
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var device in _cloned.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                IReadOnlyList<string> from = [.. _origins.GetValueOrDefault(device, []).Select(origin => origin.ToString())];
                if (await RaiseAsync(device, from, stoppingToken)) LogCloned(device, string.Join(", ", from));
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

    private void InDoubt(DeviceId device, IReadOnlyList<string> from)
    {
        turns.Contested(device);
        _finding.Add(device, from.Count == 0 ? "" : $"from {string.Join(", ", from)}");
    }

    /// <returns>False when it was told within the hour, or the device has been removed since.</returns>
    private Task<bool> RaiseAsync(
        DeviceId device, IReadOnlyList<string> from, CancellationToken cancellationToken) => store.RetryAsync(async _ =>
    {
        if (await store.DeviceAsync(device, cancellationToken) is null)
        {
            // Removed, perhaps between a try before and this one: nobody could acknowledge it.
            Settled(device);
            return false;
        }
        InDoubt(device, from);
        var now = time.GetUtcNow();
        var known = await store.FindAsync<DeviceCertificate>(device.Value, cancellationToken);
        if (known?.Document.ClonedAt is { } before && (now - before).Duration() < AlarmInterval) return false;
        await store.CommitAsync(
            [
                known is null
                    ? StoreChange.Create(device.Value, DeviceCertificate.Unrecorded(now) with { ClonedAt = now, ClonedFrom = from })
                    : known.Change(known.Document with { ClonedAt = now, ClonedFrom = from }),
            ],
            cancellationToken);
        return true;
    }, cancellationToken);

    [LoggerMessage(LogLevel.Warning, "Device {Device} is connected twice: two sessions with its identity take turns, from {From}. Its "
        + "data folder was copied, or somebody holds its key: 'fleet devices reenroll {Device}' ends every key but the new one")]
    private partial void LogCloned(DeviceId device, string from);

    [LoggerMessage(LogLevel.Warning, "That device {Device} is connected twice could not be written down: {Reason}")]
    private partial void LogNotRaised(DeviceId device, string reason);
}
