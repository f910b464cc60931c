using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Canary;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Reads, once for each, devices that took a rollout's release, beside members that wait for their wave, and keeps what that amounts to.
/// Used by the engine's loop alone.
/// </summary>
internal sealed class CanaryWatch(IFleetStore store)
{
    /// <summary>Members that wait and are read: enough for a rank of one in 250; the last to be told are left the longest.</summary>
    private const int Incumbents = 250;

    /// <summary>Telemetry comes by the minute: looking oftener shows nothing new.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, DateTimeOffset> _looked = new();

    /// <summary>When this server last looked at a rollout; null when it has not, or need not.</summary>
    public DateTimeOffset? LookedAt(string rollout) => _looked.TryGetValue(rollout, out var at) ? at : null;

    /// <summary>How the canary stands, after reading what has become readable.</summary>
    public async Task<CanaryState> LookAsync(Rollout rollout, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var plan = rollout.Plan.Canary;
        var hasIncumbents = rollout.Told < rollout.Members;
        if (plan.Metrics.Count == 0) return new CanaryState([], 0, hasIncumbents, null, []);
        var (findings, read, isDone, isDue) = (new List<CanaryFinding>(), int.MaxValue, true, hasIncumbents && IsDue(rollout.Id, now));
        var moved = rollout.Plan.Moved();
        foreach (var release in moved)
        {
            var record = await ReadAsync(rollout, release, isDue, now, cancellationToken);
            var found = CanaryRules.Judge(plan, record.Evidence, moved.Count);
            findings.AddRange(moved.Count == 1 ? found : found.Select(finding => finding with { Model = release.Model }));
            read = Math.Min(read, record.Read.Count(device => device.Wave == rollout.OpenWave));
            isDone = isDone && record.Read.Count >= Math.Min(rollout.Told, CanaryMetrics.MaximumDevices);
        }
        if (isDue) Remember(rollout.Id, now);
        return new CanaryState(
            findings, read, hasIncumbents, isDone || !hasIncumbents ? null : LookedAt(rollout.Id) + Pause, rollout.AcceptedMetrics)
        {
            IsWaived = rollout.Open.Uncompared,
        };
    }

    /// <summary>What is known of one model, after reading what has become readable where it is time to.</summary>
    private async Task<CanaryRecord> ReadAsync(
        Rollout rollout, PlannedRelease release, bool isDue, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var stored = await store.FindAsync<CanaryRecord>(CanaryRecord.IdOf(rollout, release.Model), cancellationToken);
        var record = stored?.Document ?? new CanaryRecord(CanaryEvidence.Of(rollout.Plan.Canary), []);
        if (!isDue) return record;
        var candidates = await CandidatesAsync(rollout, release.Model, record, now, cancellationToken);
        return candidates.Count == 0
            ? record
            : await ReadAsync(rollout, release, stored, record, candidates, now, cancellationToken);
    }

    /// <summary>A clock that was put back does not keep it waiting.</summary>
    private bool IsDue(string rollout, DateTimeOffset now)
        => LookedAt(rollout) is not { } looked || now >= looked + Pause || now < looked;

    private void Remember(string rollout, DateTimeOffset now)
    {
        foreach (var old in _looked.Where(each => each.Value < now - TimeSpan.FromHours(1))) _looked.TryRemove(old);
        _looked[rollout] = now;
    }

    /// <summary>Devices whose window may have ended, in the order they are told.</summary>
    private async Task<IReadOnlyList<DeviceRollout>> CandidatesAsync(
        Rollout rollout, string model, CanaryRecord record, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var room = CanaryMetrics.MaximumDevices - record.Read.Count;
        if (room <= 0) return [];
        var read = record.Read.Select(device => device.Device).ToHashSet();
        var unread = new Dictionary<DeviceId, DeviceRollout>();
        await foreach (var stored in store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(rollout.Id), cancellationToken))
        {
            var device = stored.Document;
            if (device.Status != DeviceRolloutStatus.Succeeded || read.Contains(device.Device)) continue;
            // A device that had the release already has no time before it, and one without requests is not waited for forever.
            var has = device.Models.First(each => each.Model == model);
            if (has.PreviousVersion == has.Version || device.UpdatedAt + CanaryWindow.Patience(rollout.Plan.Canary) < now) continue;
            unread[device.Device] = device;
        }
        if (unread.Count == 0) return [];
        var members = await MembersAsync(rollout, 0, rollout.Told, cancellationToken);
        return [.. members.Where(unread.ContainsKey).Select(device => unread[device])
            .Where(device => device.UpdatedAt + rollout.Plan.Canary.Window <= now).Take(room)];
    }

    private async Task<CanaryRecord> ReadAsync(
        Rollout rollout, PlannedRelease release, Stored<CanaryRecord>? stored, CanaryRecord record,
        IReadOnlyList<DeviceRollout> candidates, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var waiting = await MembersAsync(
            rollout, Math.Max(rollout.Told, rollout.Members - Incumbents), rollout.Members, cancellationToken);
        var history = await HistoryAsync(
            rollout, release.Model,
            [.. waiting, .. candidates.Select(device => device.Device), .. record.Read.Select(device => device.Device)], now,
            cancellationToken);
        var readings = new Dictionary<(CanaryWindow Window, DeviceId Device), Reading?>();
        foreach (var candidate in candidates)
        {
            var opened = rollout.Waves[candidate.Wave - 1].OpenedAt ?? rollout.CreatedAt;
            var window = CanaryWindow.Of(rollout.Plan, release.Version, opened, now);
            if (window.End(history[candidate.Device], now) is not { } ended) continue;
            if (!ended.IsHeard(waiting.Select(device => history[device]), now)) continue;
            if (ended.Read(history[candidate.Device], isCandidate: true) is not { } reading) continue;
            var incumbents = All(waiting, areCandidates: false);
            if (incumbents.Count == 0) continue;
            var earlier = record.Read.Where(device => device.Wave == candidate.Wave).Select(device => device.Device);
            record = new CanaryRecord(
                record.Evidence.With(new CanaryLook(reading, incumbents, All(earlier, areCandidates: true))),
                [.. record.Read, new CanaryDevice(candidate.Device, candidate.Wave)]);

            // Many activate in the same minute: what others did in one window is read once.
            IReadOnlyCollection<Reading> All(IEnumerable<DeviceId> devices, bool areCandidates) => [.. devices.Select(device =>
            {
                if (!readings.TryGetValue((ended, device), out var known))
                    readings[(ended, device)] = known = ended.Read(history[device], areCandidates);
                return known;
            }).OfType<Reading>()];
        }
        if (record.Read.Count == (stored?.Document.Read.Count ?? 0)) return record;
        await store.CommitAsync(
            [stored?.Change(record) ?? StoreChange.Create(CanaryRecord.IdOf(rollout, release.Model), record)], cancellationToken);
        return record;
    }

    /// <summary>What devices did, minute by minute, since an hour before the first wave opened, or as long as minutes are kept.</summary>
    private async Task<Dictionary<DeviceId, IReadOnlyList<Rollup>>> HistoryAsync(
        Rollout rollout, string model, IReadOnlyCollection<DeviceId> devices, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var since = rollout.CreatedAt - CanaryWindow.Before;
        if (since < now - IFleetStore.MinutesKept) since = now - IFleetStore.MinutesKept;
        var query = new RollupQuery(RollupPeriod.Minute, since, model);
        var history = new Dictionary<DeviceId, IReadOnlyList<Rollup>>();
        foreach (var part in devices.Distinct().Chunk(IFleetStore.MaximumPage))
        {
            foreach (var (device, rollups) in await store.RollupsAsync(part, query, cancellationToken)) history[device] = rollups;
        }
        return history;
    }

    private async Task<List<DeviceId>> MembersAsync(Rollout rollout, int from, int to, CancellationToken cancellationToken)
    {
        var members = new List<DeviceId>();
        for (var position = from; position < to;)
        {
            var id = RolloutMembers.IdOf(rollout.Id, position / RolloutMembers.Size);
            if (await store.FindAsync<RolloutMembers>(id, cancellationToken) is not { } part) break;
            var (first, count) = (position % RolloutMembers.Size,
                Math.Min(to - position, RolloutMembers.Size - position % RolloutMembers.Size));
            members.AddRange(part.Document.Devices.Skip(first).Take(count));
            position += count;
        }
        return members;
    }
}
