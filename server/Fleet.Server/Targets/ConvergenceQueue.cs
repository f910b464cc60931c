using System.Collections.Concurrent;
using System.Threading.Channels;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>
/// Devices whose target should be looked at. A reminder only: whatever gets lost with the process is found by the next sweep, and every
/// device reports when it connects.
/// </summary>
internal sealed class ConvergenceQueue : IDeviceObserver, IReportedStateObserver
{
    private readonly ConcurrentDictionary<DeviceId, bool> _waiting = new();
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile bool _everyone;

    /// <inheritdoc/>
    public void Changed(DeviceId device)
    {
        _waiting[device] = true;
        _signal.Writer.TryWrite(true);
    }

    /// <summary>A target or a pin changed, or it is time for a sweep.</summary>
    public void ChangedForAll()
    {
        _everyone = true;
        _signal.Writer.TryWrite(true);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> ObserveAsync(DeviceId device, ReportedState reported, CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyList<StoreChange>>([]);

    /// <inheritdoc/>
    public void Committed(DeviceId device) => Changed(device);

    /// <summary>Waits until there is something, and takes it: devices, or null for every one.</summary>
    public async Task<IReadOnlyList<DeviceId>?> TakeAsync(CancellationToken cancellationToken)
    {
        await _signal.Reader.ReadAsync(cancellationToken);
        if (_everyone)
        {
            _everyone = false;
            _waiting.Clear();
            return null;
        }
        var devices = _waiting.Keys.ToList();
        foreach (var device in devices) _waiting.TryRemove(device, out _);
        return devices;
    }
}
