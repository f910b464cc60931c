using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Server.Health;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// Who is connected and when each device was last heard of. Kept in memory, since it changes with every message; written down
/// every few minutes and when the server stops.
/// </summary>
internal sealed partial class DeviceBoard(
    IFleetStore store, DesiredNotices notices, ServerHealth health, TimeProvider time, ILogger<DeviceBoard> logger)
    : BackgroundService, IConnectionObserver
{
    private const int DevicesPerCommit = 500;
    private const string HealthSubject = "presence";

    private static readonly TimeSpan WritingInterval = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<DeviceId, DateTimeOffset> _online = new();
    private readonly ConcurrentDictionary<DeviceId, DateTimeOffset> _seen = new();
    private readonly ConcurrentDictionary<DeviceId, DateTimeOffset> _unwritten = new();

    /// <summary>The devices connected now.</summary>
    public IReadOnlyCollection<DeviceId> Online => [.. _online.Keys];

    /// <summary>True while the device is connected.</summary>
    public bool IsOnline(DeviceId device) => _online.ContainsKey(device);

    /// <summary>When the device last said anything; null when never.</summary>
    public async Task<DateTimeOffset?> LastSeenAsync(DeviceId device, CancellationToken cancellationToken)
        => _seen.TryGetValue(device, out var at) ? at : (await store.FindAsync<DeviceSeen>(device.Value, cancellationToken))?.Document.At;

    /// <inheritdoc/>
    public void Connected(DeviceId device, string? run, Origin from)
    {
        _online[device] = time.GetUtcNow();
        Heard(device);
        LogConnected(device);
    }

    /// <inheritdoc/>
    public void Subscribed(DeviceId device, string channel)
    {
        // Every connect is answered with what the device should run: whatever was missed is made good here.
        if (channel == Topics.Desired) notices.Notify(device);
    }

    /// <inheritdoc/>
    public void TakenOver(DeviceId device)
    {
        // It has a successor already, so the device is not gone.
    }

    /// <inheritdoc/>
    public void Disconnected(DeviceId device)
    {
        _online.TryRemove(device, out _);
        LogDisconnected(device);
    }

    /// <inheritdoc/>
    public void Heard(DeviceId device)
    {
        var now = time.GetUtcNow();
        _seen[device] = now;
        _unwritten[device] = now;
    }

    /// <summary>The device is part of the fleet no more.</summary>
    public void Forget(DeviceId device)
    {
        _online.TryRemove(device, out _);
        _seen.TryRemove(device, out _);
        _unwritten.TryRemove(device, out _);
    }

    [LoggerMessage(LogLevel.Debug, "Device {Device} is connected")]
    private partial void LogConnected(DeviceId device);

    [LoggerMessage(LogLevel.Debug, "Device {Device} is disconnected")]
    private partial void LogDisconnected(DeviceId device);
}
