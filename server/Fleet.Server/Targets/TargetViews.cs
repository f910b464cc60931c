using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>Targets as operators see them: what they say, whom they decide for, and how far those devices are.</summary>
internal static class TargetViews
{
    private const int Examples = 20;

    /// <summary>Every target, counted in one pass over the devices that <paramref name="seen"/> selects.</summary>
    public static async Task<IReadOnlyList<TargetView>> TargetViewsAsync(
        this IFleetStore store, DeviceFilter seen, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var targets = await store.TargetsAsync(cancellationToken);
        var releases = await ReleasesAsync(store, targets, cancellationToken);
        var tallies = targets.ToDictionary(target => target.Name, _ => new Tally());
        await foreach (var device in store.DevicesAsync(seen, null, cancellationToken))
        {
            var candidate = await store.CandidateAsync(device.Document, cancellationToken);
            var reported = (await store.FindAsync<DeviceReported>(device.Id, cancellationToken))?.Document.State.Models ?? [];
            var pins = await store.PinsAsync(device.Document.Id, cancellationToken);
            foreach (var target in targets.Where(target => target.Selects(device.Document)))
            {
                var reason = ReasonAgainst(target, candidate, pins, targets, releases, now);
                var tally = tallies[target.Name];
                if (pins.Any(pin => pin.Model == target.Model)) tally.Pinned++;
                tally.Add(device.Document.Id, reason, target, reported.FirstOrDefault(model => model.Model == target.Model));
            }
        }
        return [.. targets.Select(target => tallies[target.Name].ViewOf(target))];
    }

    /// <summary>Pins of the devices that <paramref name="caller"/> may see.</summary>
    public static async Task<IReadOnlyList<PinView>> PinViewsAsync(
        this IFleetStore store, Caller caller, CancellationToken cancellationToken)
    {
        var views = new List<PinView>();
        await foreach (var pin in store.AllAsync<Pin>("", cancellationToken))
        {
            if (await store.DeviceAsync(caller, pin.Document.Device.Value, cancellationToken) is not null) views.Add(pin.Document.ToView());
        }
        return views;
    }

    /// <summary>A pin as operators see it.</summary>
    public static PinView ToView(this Pin pin) => new(pin.Device, pin.Model, pin.Version, pin.CreatedAt);

    private static string? ReasonAgainst(
        Target target, Candidate candidate, IReadOnlyList<Pin> pins, IReadOnlyList<Target> targets,
        IReadOnlyDictionary<string, Release?> releases, DateTimeOffset now)
    {
        if (target.Release is null) return candidate.Device.IsRevoked ? "The device is revoked." : null;
        var has = candidate.Desired.Of(target.Model);
        var pin = pins.FirstOrDefault(pin => pin.Model == target.Model);
        return Convergence.Decide(candidate.Device, target.Model, has, pin, targets) switch
        {
            { IsPin: true, Version: var version } => $"The device is pinned to release {version}.",
            { Target: { } other } when other != target.Name => $"Target {other} decides for the device.",
            _ => has?.Version == target.Release.Version ? null
                : Convergence.ReasonAgainstGroup(candidate.Device, target.Release.Group, candidate.Desired, pins, targets)
                    ?? Suitability.ReasonAgainst(
                        [.. target.Together(targets, candidate.Device).Select(each => releases[each.Name])], target.Release.Limits,
                        candidate, now),
        };
    }

    private static async Task<IReadOnlyDictionary<string, Release?>> ReleasesAsync(
        IFleetStore store, IReadOnlyList<Target> targets, CancellationToken cancellationToken)
    {
        var releases = new Dictionary<string, Release?>();
        foreach (var target in targets)
            releases[target.Name] = target.Release is { } release
                ? (await store.FindAsync<Release>(Release.IdOf(target.Model, release.Version), cancellationToken))?.Document
                : null;
        return releases;
    }

    /// <summary>Counts of one target.</summary>
    private sealed class Tally
    {
        private readonly SortedDictionary<string, List<DeviceId>> _excluded = new(StringComparer.Ordinal);
        private int _devices;
        private int _serving;
        private int _failed;

        public int Pinned { get; set; }

        public void Add(DeviceId device, string? reason, Target target, ReportedModel? said)
        {
            if (reason is not null)
            {
                if (!_excluded.TryGetValue(reason, out var devices)) _excluded[reason] = devices = [];
                devices.Add(device);
                return;
            }
            _devices++;
            if (target.Release is not { Version: var version } || said is null) return;
            if (said.ActiveVersion == version) _serving++;
            else if (said.Version == version && said.Phase == DeploymentPhase.RolledBack) _failed++;
        }

        public TargetView ViewOf(Target target) => new()
        {
            Name = target.Name,
            Model = target.Model,
            Filter = target.Filter,
            Priority = target.Priority,
            Version = target.Release?.Version,
            DecidedAt = target.Release?.DecidedAt,
            Rollout = target.Release?.Rollout,
            Moving = target.Moving,
            Devices = _devices,
            Serving = _serving,
            Failed = _failed,
            Pinned = Pinned,
            Excluded = [.. _excluded.Select(each => new RolloutExclusion(each.Key, each.Value.Count, [.. each.Value.Take(Examples)]))],
        };
    }
}
