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
/// version it reports, so that a device that refuses a root is not told for ever. Devices that follow a root which this server never made
/// are told of in health: its keys were restored from an older backup, and releases signed since may be refused.
/// </summary>
internal sealed class RootFollowUp(FleetKeys keys, DesiredNotices notices, ServerHealth health)
    : IReportedStateObserver, IDeviceEnd
{
    private const string HealthSubject = "roots";

    /// <summary>Further ahead no backup is: the device made it up.</summary>
    private const int MostAhead = 100;

    private readonly ConcurrentDictionary<DeviceId, TrustReport> _reported = new();
    private readonly ConcurrentDictionary<DeviceId, int> _told = new();
    private readonly ConcurrentDictionary<DeviceId, int> _elsewhere = new();

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
        if (_elsewhere.TryRemove(device, out _)) Say();
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }

    private void Tell(DeviceId device, TrustReport trust)
    {
        if (trust.Root <= keys.Root.Version + MostAhead && !keys.Has(trust.Root, trust.Digest)) _elsewhere[device] = trust.Root;
        else if (!_elsewhere.TryRemove(device, out _)) return;
        Say();
    }

    private void Say()
    {
        if (_elsewhere.IsEmpty)
        {
            health.Clear(HealthSubject);
            return;
        }
        var (example, newest) = _elsewhere.MaxBy(each => each.Value);
        health.Report(HealthSubject,
            $"{_elsewhere.Count} devices follow a root that is not on this server ({example}: root {newest}; newest "
            + $"here: {keys.Root.Version}): its keys were restored from an older backup. Devices may refuse what it signs until root "
            + $"{newest + 1} counts: repeat 'fleet keys rotate releases' until 'fleet keys list' shows it.");
    }
}
