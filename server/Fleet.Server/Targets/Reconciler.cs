using Fleet.Contracts.Devices;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>
/// Brings devices to what their targets say, whenever they appear or change: newcomers, devices that come back, relabelled ones. It keeps
/// nothing: each look reads what is stored, and writes only for devices that have something else.
/// </summary>
internal sealed partial class Reconciler(
    IFleetStore store, ConvergenceQueue queue, DesiredNotices notices, IEnumerable<ITargetMove> moves, ServerHealth health,
    TimeProvider time, ILogger<Reconciler> logger) : BackgroundService
{
    private const int DevicesPerCommit = 250;
    private const string HealthSubject = "targets";

    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(5);

    private readonly ITargetMove[] _moves = [.. moves];
    private readonly DeviceFinding _failing = health.Finding("devicesOfTargets", count =>
        $"{count} {(count == 1 ? "device" : "devices")} cannot be told what their targets say, for a reason of their own. All others are.");

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        queue.ChangedForAll();
        return Task.WhenAll(SweepAsync(stoppingToken), WorkAsync(stoppingToken));
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(SweepInterval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken)) queue.ChangedForAll();
    }

    private async Task WorkAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var devices = await queue.TakeAsync(cancellationToken);
            try
            {
                if (devices is null) await ConvergeAllAsync(cancellationToken);
                else await ConvergeAsync(devices, cancellationToken);
                health.Clear(HealthSubject);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogFailed(SweepInterval, e);
                health.Report(HealthSubject, $"Devices cannot be told what their targets say ({e.Message}); it is tried again within "
                    + $"{SweepInterval.TotalMinutes:0} minutes.");
            }
        }
    }

    private async Task ConvergeAllAsync(CancellationToken cancellationToken)
    {
        string? after = null;
        while (true)
        {
            var page = await store.ListAsync<Device>("", after, IFleetStore.MaximumPage, cancellationToken);
            await ConvergeAsync([.. page.Select(device => device.Document.Id)], cancellationToken);
            if (page.Count < IFleetStore.MaximumPage) return;
            after = page[^1].Id;
        }
    }

    private async Task ConvergeAsync(IReadOnlyList<DeviceId> devices, CancellationToken cancellationToken)
    {
        foreach (var part in devices.Chunk(DevicesPerCommit))
        {
            if (await TryConvergePartAsync(part, cancellationToken)) continue;
            // Something about one of them was not foreseen: the others are not to wait for it.
            foreach (var device in part) await TryConvergePartAsync([device], cancellationToken);
        }
    }

    /// <returns>False when it failed for one of several; of one alone it is said.</returns>
    private async Task<bool> TryConvergePartAsync(IReadOnlyList<DeviceId> part, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var device in await store.RetryAsync(_ => TryConvergeAsync(part, cancellationToken), cancellationToken))
                notices.Notify(device);
            foreach (var device in part)
            {
                foreach (var move in _moves) await move.MeetAsync(device, cancellationToken);
            }
            foreach (var device in part) _failing.Remove(device);
            return true;
        }
        catch (Exception e) when (e is not StoreException && !cancellationToken.IsCancellationRequested)
        {
            if (part is not [var alone]) return false;
            LogDeviceFailed(alone, SweepInterval, e);
            _failing.Add(alone, e.Message);
            return true;
        }
    }

    /// <summary>Tells a part of the fleet in one commit.</summary>
    /// <returns>Devices that are to be told.</returns>
    private async Task<IReadOnlyList<DeviceId>> TryConvergeAsync(IReadOnlyList<DeviceId> devices, CancellationToken cancellationToken)
    {
        var known = new List<(Device Device, DeviceDesired Desired, Func<DeviceDesired, StoreChange> Change)>();
        foreach (var id in devices)
        {
            // What a device has is read before its targets: whoever tells a device commits the target at the same time or earlier.
            var (desired, change) = await store.DesiredAsync(id, cancellationToken);
            if (await store.DeviceAsync(id, cancellationToken) is { Document: { IsRevoked: false } device })
                known.Add((device, desired, change));
        }
        var targets = await store.TargetsAsync(cancellationToken);
        var withdrawn = await store.AllAsync<Withdrawal>("", cancellationToken).Select(stored => stored.Document.Release)
            .ToListAsync(cancellationToken);
        var (changes, told) = (new List<StoreChange>(), new List<DeviceId>());
        foreach (var (device, desired, change) in known)
        {
            var next = await NextAsync(device, desired, targets, withdrawn, cancellationToken);
            if (withdrawn.Count > 0 && await UntoldAsync(device, desired, next, withdrawn, cancellationToken) is { Count: > 0 } untold)
                next = next.Withdrawing(untold);
            if (next.Revision == desired.Revision) continue;
            changes.Add(change(next));
            told.Add(device.Id);
        }
        if (changes.Count > 0) await store.CommitAsync(changes, cancellationToken);
        return told;
    }

    /// <summary>What a device should run. Where that parts what it was told to switch to together, it is asked anew without that.</summary>
    private async Task<DeviceDesired> NextAsync(
        Device device, DeviceDesired desired, IReadOnlyList<Target> targets, IReadOnlyList<WithdrawnRelease> withdrawn,
        CancellationToken cancellationToken)
    {
        var pins = await store.PinsAsync(device.Id, cancellationToken);
        var standing = WithdrawalRules.Standing(desired, withdrawn);
        while (true)
        {
            var next = await RuledAsync(device, desired, standing, pins, targets, cancellationToken);
            if (ReferenceEquals(next, desired) && ReferenceEquals(standing, desired)) return desired;
            var reported = (await store.FindAsync<DeviceReported>(device.Id.Value, cancellationToken))?.Document.State;
            var apart = GroupRules.Apart(device, standing, next, pins, targets, reported);
            if (apart.Count > 0)
            {
                standing = GroupRules.Without(standing, apart);
                continue;
            }
            foreach (var left in GroupRules.LeftOver(desired, standing, next, withdrawn).ToList())
            {
                var former = await FirstStoredAsync(left.Model, GroupRules.Former(left, reported, withdrawn), cancellationToken);
                next = former is { } version
                    ? next.With(new DesiredRelease(left.Model, version, By: new DesiredBy(null, time.GetUtcNow())))
                    : next.Without(left.Model);
                LogGivesWay(device.Id, left.Model, left.Version);
            }
            return GroupRules.Joined(standing, next, reported);
        }
    }

    /// <summary>What pins and targets say, where that is something else than the device has.</summary>
    private async Task<DeviceDesired> RuledAsync(
        Device device, DeviceDesired desired, DeviceDesired standing, IReadOnlyList<Pin> pins, IReadOnlyList<Target> targets,
        CancellationToken cancellationToken)
    {
        foreach (var model in targets.Select(target => target.Model).Concat(pins.Select(pin => pin.Model)).Distinct())
        {
            var has = standing.Of(model);
            var pin = pins.FirstOrDefault(pin => pin.Model == model);
            if (Convergence.Decide(device, model, has, pin, targets) is not { } ruling || Convergence.IsMet(ruling, has)) continue;
            var candidate = (await store.CandidateAsync(device, cancellationToken)) with { Desired = desired };
            if ((Convergence.ReasonAgainstGroup(device, ruling.Group, standing, pins, targets)
                ?? await ReasonAgainstAsync(model, ruling, candidate, targets, cancellationToken)) is { } reason)
            {
                LogUnsuited(device.Id, model, ruling.Version, reason);
                continue;
            }
            desired = desired.With(ruling.Order(model));
            LogConverges(device.Id, model, ruling.Version, ruling.Target ?? "its pin");
        }
        return desired;
    }

    /// <summary>Why a device could only fail a release, or one of those that were moved together with it.</summary>
    private async Task<string?> ReasonAgainstAsync(
        string model, Ruling ruling, Candidate candidate, IReadOnlyList<Target> targets, CancellationToken cancellationToken)
    {
        var together = targets.FirstOrDefault(target => target.Name == ruling.Target && target.Release?.Version == ruling.Version)
            ?.Together(targets, candidate.Device).Select(target => (target.Model, target.Release!.Version));
        var releases = new List<Release?>();
        foreach (var (name, version) in together ?? [(model, ruling.Version)])
            releases.Add((await store.FindAsync<Release>(Release.IdOf(name, version), cancellationToken))?.Document);
        return Suitability.ReasonAgainst(releases, ruling.Limits, candidate, time.GetUtcNow());
    }

    private async Task<int?> FirstStoredAsync(string model, IEnumerable<int> versions, CancellationToken cancellationToken)
    {
        foreach (var version in versions)
            if (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is not null) return version;
        return null;
    }

    private async Task<IReadOnlyList<WithdrawnRelease>> UntoldAsync(
        Device device, DeviceDesired before, DeviceDesired next, IReadOnlyList<WithdrawnRelease> withdrawn,
        CancellationToken cancellationToken)
        => WithdrawalRules.Untold(
            before, next, (await store.FindAsync<DeviceReported>(device.Id.Value, cancellationToken))?.Document.State, withdrawn);

    [LoggerMessage(LogLevel.Debug, "Device {Device} is told {Model} {Version} by {Target}")]
    private partial void LogConverges(DeviceId device, string model, int version, string target);

    [LoggerMessage(LogLevel.Debug, "Device {Device} gives up {Model} {Version}, which was ordered together with what it gives up")]
    private partial void LogGivesWay(DeviceId device, string model, int version);

    [LoggerMessage(LogLevel.Debug, "Device {Device} cannot be told {Model} {Version}: {Reason}")]
    private partial void LogUnsuited(DeviceId device, string model, int version, string reason);

    [LoggerMessage(LogLevel.Error, "Device {Device} could not be told what its targets say; it is tried again within {Interval}")]
    private partial void LogDeviceFailed(DeviceId device, TimeSpan interval, Exception exception);

    [LoggerMessage(LogLevel.Error, "Devices could not be told what their targets say; it is tried again within {Interval}")]
    private partial void LogFailed(TimeSpan interval, Exception exception);
}
