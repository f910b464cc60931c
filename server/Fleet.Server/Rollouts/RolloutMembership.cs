using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Who comes and goes while a rollout is open. A device that was told and is then revoked, pinned or no longer selected leaves without a
/// verdict; a device that appears, or is labelled so that the rollout is for it, joins the last wave.
/// </summary>
internal sealed partial class RolloutMembership(
    IFleetStore store, RolloutWake wake, TimeProvider time, ILogger<RolloutMembership> logger) : ITargetMove
{
    /// <summary>Members of open rollouts, read once: they only become more. Only the reconciler's loop touches it.</summary>
    private readonly Dictionary<string, HashSet<DeviceId>> _members = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async Task MeetAsync(DeviceId device, CancellationToken cancellationToken)
    {
        var open = new List<string>();
        await foreach (var each in store.AllAsync<OpenRollout>("", cancellationToken))
            if (!open.Contains(each.Document.Rollout)) open.Add(each.Document.Rollout);
        foreach (var ended in _members.Keys.Except(open).ToList()) _members.Remove(ended);
        foreach (var rollout in open)
        {
            if (await store.RetryAsync(_ => TryMeetAsync(rollout, device, cancellationToken), cancellationToken)) wake.Set();
        }
    }

    /// <inheritdoc/>
    public async Task<DateTimeOffset?> LatestAsync(CancellationToken cancellationToken)
        => await store.ListNewestAsync<Rollout>("", null, 1, cancellationToken) is [var latest, ..] ? latest.Document.DecidedAt : null;

    /// <returns>True when something changed.</returns>
    private async Task<bool> TryMeetAsync(string id, DeviceId deviceId, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Rollout>(id, cancellationToken) is not { Document: var rollout } stored
            || rollout.Status is not (RolloutStatus.Running or RolloutStatus.Paused or RolloutStatus.AwaitingApproval)) return false;
        var device = (await store.DeviceAsync(deviceId, cancellationToken))?.Document;
        var part = await store.FindAsync<DeviceRollout>(DeviceRollout.IdOf(id, deviceId), cancellationToken);
        if (part is not null)
        {
            if (part.Document.Status is not (DeviceRolloutStatus.Running or DeviceRolloutStatus.Waiting)
                || (await ReasonToLeaveAsync(rollout, device, cancellationToken)
                    ?? await ReasonToPartAsync(rollout, part.Document, cancellationToken)) is not { } reason) return false;
            await store.CommitAsync([part.Change(DeviceRolloutRules.Leave(part.Document, reason, time.GetUtcNow()))], cancellationToken);
            LogLeft(deviceId, id, reason);
            return true;
        }
        if (device is null || !rollout.IsWhole || (await MembersAsync(id, cancellationToken)).Contains(deviceId)
            || await ReasonToLeaveAsync(rollout, device, cancellationToken) is not null) return false;
        if (!await IsSuitedAsync(rollout.Plan, device, cancellationToken)) return false;
        await store.CommitAsync(await JoinAsync(stored, deviceId, cancellationToken), cancellationToken);
        _members[id].Add(deviceId);
        LogJoined(deviceId, id);
        return true;
    }

    private async Task<bool> IsSuitedAsync(RolloutPlan plan, Device device, CancellationToken cancellationToken)
    {
        var candidate = await store.CandidateAsync(device, cancellationToken);
        var releases = new List<ReleaseManifest>();
        foreach (var (model, version) in plan.Moved())
        {
            var release = (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken))?.Document;
            if (Suitability.ReasonAgainst(release, candidate, time.GetUtcNow()) is not null) return false;
            releases.Add(release!.ReadManifest());
        }
        return RolloutSelection.ReasonAgainst(releases, candidate) is null
            && RolloutTargets.LimitsOf(plan)?.ReasonAgainst(releases, candidate) is null;
    }

    private async Task<string?> ReasonToLeaveAsync(Rollout rollout, Device? device, CancellationToken cancellationToken)
    {
        if (device is null) return "The device is no longer enrolled.";
        if (device.IsRevoked) return "The device is revoked.";
        var (desired, _) = await store.DesiredAsync(device.Id, cancellationToken);
        var pins = await store.PinsAsync(device.Id, rollout.Plan.Moved().Select(release => release.Model), cancellationToken);
        var targets = RolloutTargets.AsMoved(rollout, await store.TargetsAsync(cancellationToken));
        return RolloutTargets.ReasonAgainst(rollout, device, desired, pins, targets);
    }

    /// <summary>Of a model that the plan does not name and the device was told along with its models, somebody else may order.</summary>
    private async Task<string?> ReasonToPartAsync(Rollout rollout, DeviceRollout part, CancellationToken cancellationToken)
        => part.Models.Count > rollout.Plan.Moved().Count
            && part.OrderedBy((await store.DesiredAsync(part.Device, cancellationToken)).Desired) is null
                ? "The device was ordered otherwise since."
                : null;

    /// <summary>The changes that put a device at the end of the last wave.</summary>
    private async Task<IReadOnlyList<StoreChange>> JoinAsync(Stored<Rollout> stored, DeviceId device, CancellationToken cancellationToken)
    {
        var rollout = stored.Document;
        var id = RolloutMembers.IdOf(rollout.Id, rollout.Members / RolloutMembers.Size);
        var last = rollout.Waves[^1];
        return
        [
            await store.FindAsync<RolloutMembers>(id, cancellationToken) is { } part
                ? part.Change(new RolloutMembers([.. part.Document.Devices, device]))
                : StoreChange.Create(id, new RolloutMembers([device])),
            stored.Change(rollout with { Waves = [.. rollout.Waves.SkipLast(1), last with { End = last.End + 1 }] }),
        ];
    }

    private async Task<HashSet<DeviceId>> MembersAsync(string rollout, CancellationToken cancellationToken)
    {
        if (_members.TryGetValue(rollout, out var known)) return known;
        var members = new HashSet<DeviceId>();
        await foreach (var part in store.AllAsync<RolloutMembers>($"{rollout}/", cancellationToken))
            members.UnionWith(part.Document.Devices);
        return _members[rollout] = members;
    }

    [LoggerMessage(LogLevel.Information, "Device {Device} leaves rollout {Rollout} without a verdict: {Reason}")]
    private partial void LogLeft(DeviceId device, string rollout, string reason);

    [LoggerMessage(LogLevel.Information, "Device {Device} joins the last wave of rollout {Rollout}")]
    private partial void LogJoined(DeviceId device, string rollout);
}
