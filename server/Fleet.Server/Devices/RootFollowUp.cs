using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Health;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// Tells a device again that reports an older root than the newest: the order it got may have come with too few roots. Once for each
/// version it reports, so that a device that refuses a root is not told for ever. Devices that say they follow a root which this server
/// never made are warned of in health: its keys may be from an older backup, and releases signed since may be refused.
/// </summary>
internal sealed class RootFollowUp(FleetKeys keys, DesiredNotices notices, ServerHealth health)
    : IReportedStateObserver, IDeviceEnd
{
    /// <summary>Further ahead no backup is: the device made it up.</summary>
    private const int MostAhead = 100;

    private readonly ConcurrentDictionary<DeviceId, TrustReport> _reported = new();
    private readonly ConcurrentDictionary<DeviceId, int> _told = new();
    private readonly DeviceFinding _finding = health.Finding("roots", count =>
        $"{count} {(count == 1 ? "device says that it follows" : "devices say that they follow")} a root that is not on this server, whose "
        + $"newest is {keys.Root.Version}. If its keys were restored from an older backup, devices may refuse what it signs until a newer "
        + "root than theirs counts: repeat 'fleet keys rotate releases' until 'fleet keys list' shows it. If not, look at these devices.");

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> ObserveAsync(DeviceId device, ReportedState reported, CancellationToken cancellationToken)
    {
        // A device of protocol 1 or 2 follows no roots.
        if (reported.Trust is { } trust) _reported[device] = trust;
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }

    /// <inheritdoc/>
    public void Committed(DeviceId device)
    {
        if (!_reported.TryRemove(device, out var trust)) return;
        Tell(device, trust);
        if (trust.Root >= keys.Root.Version) return;
        if (_told.TryGetValue(device, out var told) && told == trust.Root) return;
        _told[device] = trust.Root;
        notices.Notify(device);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
    {
        _told.TryRemove(device, out _);
        _finding.Remove(device);
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }

    private void Tell(DeviceId device, TrustReport trust)
    {
        if (trust.Root <= keys.Root.Version + MostAhead && !keys.Has(trust.Root, trust.Digest)) _finding.Add(device, $"root {trust.Root}");
        else _finding.Remove(device);
    }
}
