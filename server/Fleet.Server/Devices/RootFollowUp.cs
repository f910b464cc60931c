using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// Tells a device again that reports an older root than the newest: the order it got may have come with too few roots. Once for each
/// version it reports, so that a device that refuses a root is not told for ever.
/// </summary>
internal sealed class RootFollowUp(FleetKeys keys, DesiredNotices notices) : IReportedStateObserver
{
    private readonly ConcurrentDictionary<DeviceId, int> _reported = new();
    private readonly ConcurrentDictionary<DeviceId, int> _told = new();

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> ObserveAsync(DeviceId device, ReportedState reported, CancellationToken cancellationToken)
    {
        // A device of protocol 1 follows no roots.
        if (reported.Trust is { } trust) _reported[device] = trust.Root;
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }

    /// <inheritdoc/>
    public void Committed(DeviceId device)
    {
        if (!_reported.TryRemove(device, out var version) || version >= keys.Root.Version) return;
        if (_told.TryGetValue(device, out var told) && told == version) return;
        _told[device] = version;
        notices.Notify(device);
    }
}
