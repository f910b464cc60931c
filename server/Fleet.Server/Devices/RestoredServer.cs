using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Health;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// A server that was restored from a backup is behind its devices: they were told more than it knows. It goes on above the orders that
/// they show, takes nothing back from them, and says so. What a device says and cannot show changes nothing.
/// </summary>
internal sealed partial class RestoredServer(
    IFleetStore store, IReleaseEnvelopes releases, FleetKeys keys, SigningClock clock, ServerHealth health, TimeProvider time,
    ILogger<RestoredServer> logger) : IDeviceEnd
{
    private readonly DeviceFinding _unknown = health.Finding("restored", count =>
        $"{count} {(count == 1 ? "device was" : "devices were")} ordered releases that are not stored here: this server was restored from "
        + "an older backup. They go on serving them until their next order; new releases are numbered above.");

    /// <summary>Devices that said what they could not show, each noted once.</summary>
    private readonly ConcurrentDictionary<DeviceId, DateTimeOffset> _doubted = new();

    /// <summary>What the device should run after it said what it has; the same instance when it shows nothing that is ahead.</summary>
    public async Task<DeviceDesired> CatchUpAsync(
        DeviceId device, DeviceDesired desired, ReportedState reported, CancellationToken cancellationToken)
    {
        LearnAnchor(device, reported);
        if (reported.Revision <= desired.Revision)
        {
            Tell(device, []);
            return desired;
        }
        // What it showed when it connected holds for what it says afterwards.
        if (reported.Order is null && reported.Revision <= desired.Floor) return desired;
        var verdict = Judge(device, reported, desired.Revision);
        if (verdict.Order is not { } order)
        {
            if (_doubted.TryAdd(device, time.GetUtcNow())) LogDoubted(device, reported.Revision, desired.Revision, verdict.Reason);
            return desired;
        }
        var stored = new HashSet<OrderedRelease>();
        foreach (var release in order.Assignments)
        {
            var envelope = await releases.FindAsync(release.Model, release.Version, cancellationToken);
            if (envelope?.Digest() == release.Sha256) stored.Add(release);
        }
        Tell(device, [.. order.Assignments.Where(release => !stored.Contains(release))]);
        var caught = RestoreRules.CatchUp(desired, order, reported, stored);
        if (!ReferenceEquals(caught, desired)) LogAhead(device, reported.Revision, desired.Revision);
        return caught;
    }

    /// <summary>Devices that say they are ahead of this server and cannot show it, by id: their agents are older than the proof.</summary>
    public async Task<IReadOnlyList<StrangerView>> DoubtedAsync(CancellationToken cancellationToken)
    {
        var views = new List<StrangerView>();
        foreach (var (device, at) in _doubted.OrderBy(each => each.Key.Value, StringComparer.Ordinal))
        {
            var (desired, _) = await store.DesiredAsync(device, cancellationToken);
            if (await LeadAsync(device, desired, cancellationToken) is { } revision) views.Add(new StrangerView(device, at, revision));
        }
        return views;
    }

    /// <summary>
    /// An operator vouches for the revision that a device says it is at: its next order is above it. What it says that it serves is not
    /// believed.
    /// </summary>
    /// <returns>The device; null when there is nothing to vouch for.</returns>
    public Task<Device?> VouchAsync(string id, CancellationToken cancellationToken) => store.RetryAsync(async _ =>
    {
        if (!DeviceId.TryParse(id, out var device) || !_doubted.ContainsKey(device)) return null;
        var stored = await store.DeviceAsync(device, cancellationToken);
        var (desired, change) = await store.DesiredAsync(device, cancellationToken);
        if (stored is null || await LeadAsync(device, desired, cancellationToken) is not { } revision) return null;
        await store.CommitAsync([change(desired with { Floor = revision })], cancellationToken);
        LogVouched(device, revision);
        return stored.Document;
    }, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
    {
        Tell(device, []);
        _doubted.TryRemove(device, out _);
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }

    /// <summary>The revision that a device reports, when it is ahead by no more than a device would follow; else null.</summary>
    private async Task<long?> LeadAsync(DeviceId device, DeviceDesired desired, CancellationToken cancellationToken)
        => await store.FindAsync<DeviceReported>(device.Value, cancellationToken) is { Document.State.Revision: var revision }
            && revision > Math.Max(desired.Revision, desired.Floor) && revision - desired.Revision < OrderVerifier.MaximumJump
            ? revision
            : null;

    private OrderVerdict Judge(DeviceId device, ReportedState reported, long known)
        => RestoreRules.Judge(device, reported, known, keys.Root, keys.OrderKeysOf(keys.Root.OrderEpoch));

    /// <summary>
    /// Times that an admin vouched for after the backup are forgotten with their numbers: under one of those the next would be ignored by
    /// whoever has taken it. Orders are told again for that at the same revision, so it does not matter which is ahead.
    /// </summary>
    private void LearnAnchor(DeviceId device, ReportedState reported)
    {
        if (reported.Order is not { } shown || OrderVerifier.Read(shown) is not { } read || read.TimeAnchor <= clock.LatestAnchor) return;
        if (Judge(device, reported, reported.Revision).Order is { } order) clock.Shown(order.TimeAnchor);
    }

    private void Tell(DeviceId device, IReadOnlyList<OrderedRelease> unknown)
    {
        if (unknown.Count == 0) _unknown.Remove(device);
        else _unknown.Add(device, string.Join(", ", unknown.Select(release => $"{release.Model} {release.Version}")));
    }

    [LoggerMessage(LogLevel.Warning,
        "Device {Device} is at revision {Reported}, and this server knows {Known}: it was restored from a backup and goes on above")]
    private partial void LogAhead(DeviceId device, long reported, long known);

    [LoggerMessage(LogLevel.Warning, "Device {Device} says that it is at revision {Reported}, this server knows {Known}, and that is not "
        + "believed: {Reason} Where the server was restored and its agent is an old one: update it, or 'fleet devices adopt {Device}'")]
    private partial void LogDoubted(DeviceId device, long reported, long known, string reason);

    [LoggerMessage(LogLevel.Warning, "An operator vouches that device {Device} is at revision {Revision}: its next order is above")]
    private partial void LogVouched(DeviceId device, long revision);
}
