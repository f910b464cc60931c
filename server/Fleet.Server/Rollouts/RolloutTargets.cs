using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>What a rollout does with the targets it moves: finds or makes them, marks them, moves them together, gives them back.</summary>
internal sealed class RolloutTargets(IFleetStore store, FormerReleases former, SecondPerson second, OrderTimes times)
{
    private const int NameLength = 48;

    /// <summary>
    /// The targets of a plan, one for each release, or new ones, as they are when the rollout has begun, and the changes that say so.
    /// </summary>
    public async Task<IReadOnlyList<(Target Target, StoreChange Change)>> BeginAsync(
        RolloutPlan plan, string filter, string rollout, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var names = (await store.TargetsAsync(cancellationToken)).Select(each => each.Name).ToHashSet(StringComparer.Ordinal);
        var begun = new List<(Target Target, StoreChange Change)>();
        foreach (var (model, _) in plan.Moved())
        {
            if (await store.TargetOfAsync(model, filter, cancellationToken) is { } stored)
            {
                begun.Add((stored.Document, stored.Change(stored.Document with { Moving = rollout })));
                continue;
            }
            var target = new Target { Name = NameOf(model, filter, names), Model = model, Filter = filter, CreatedAt = now };
            names.Add(target.Name);
            begun.Add((target, StoreChange.Create(target.Name, target with { Moving = rollout })));
        }
        return begun;
    }

    /// <summary>What becomes of the targets when the rollout stands where it stands now; nothing while that is open.</summary>
    public async Task<IReadOnlyList<StoreChange>> EndAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        if (rollout.Status is RolloutStatus.Running or RolloutStatus.Paused or RolloutStatus.AwaitingApproval) return [];
        var stored = await store.AllAsync<Target>("", cancellationToken).ToListAsync(cancellationToken);
        var brings = stored.Exists(target => Brings(rollout, target.Document)) && !await IsWithdrawnAsync(rollout, cancellationToken);
        var now = await times.NextAsync(cancellationToken);
        IReadOnlyList<Target> after = [.. stored.Select(target => Ended(rollout, target.Document, brings, now))];
        if (rollout.Status == RolloutStatus.RolledBack)
        {
            var back = stored.Zip(after).Where(pair => pair.First.Document.Release != pair.Second.Release).Select(pair => pair.First.Id);
            after = await former.BackAsync(after, back, null, cancellationToken);
        }
        return await former.ChangesAsync(stored, after, cancellationToken) ?? await EndAsync(rollout, cancellationToken);
    }

    /// <summary>Why devices do not go back to releases that are named without a second person; null when they may.</summary>
    public async Task<ApiProblem?> WhyNotBackAsync(
        Rollout rollout, IReadOnlyList<PlannedRelease> to, CancellationToken cancellationToken)
    {
        foreach (var (model, version) in to)
        {
            var moved = rollout.Targets.FirstOrDefault(each => each.Model == model);
            var target = moved is null ? null : await store.FindAsync<Target>(moved.Target, cancellationToken);
            if (await second.WhyNotBackAsync(target?.Document, moved?.Before, model, version, cancellationToken) is { } needed)
                return needed;
        }
        return null;
    }

    private async Task<bool> IsWithdrawnAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        foreach (var (model, version) in rollout.Plan.Moved())
        {
            if (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is { Document.WithdrawnAt: not null })
                return true;
        }
        return false;
    }

    private static bool IsBrought(Rollout rollout, Target target) => target.Release?.Rollout == rollout.Id;

    /// <summary>
    /// True when the target comes to the rollout's release now: one that was retried does not replace what came after it.
    /// </summary>
    private static bool Brings(Rollout rollout, Target target) => rollout is { Status: RolloutStatus.Succeeded, IsWhole: true }
        && rollout.Targets.Any(moved => moved.Target == target.Name) && !IsBrought(rollout, target)
        && !IsNewer(rollout, target);

    private static bool IsNewer(Rollout rollout, Target target) => target.Release?.DecidedAt > rollout.DecidedAt;

    private static Target Ended(Rollout rollout, Target target, bool brings, DateTimeOffset now)
    {
        if (rollout.Targets.FirstOrDefault(moved => moved.Target == target.Name) is not { } moved) return target;
        var after = target with { Moving = target.Moving == rollout.Id ? null : target.Moving };
        if (brings && Brings(rollout, target)) return after with
        {
            Release = ReleaseOf(rollout, moved.Model) with { Limits = LimitsOf(rollout.Plan), Group = rollout.Group() },
        };
        if (rollout.Status != RolloutStatus.RolledBack) return after;
        if (rollout.ReturnOf(moved.Model) is not { } version)
            return IsBrought(rollout, target) ? after with { Release = moved.Before } : after;
        return after.Release?.Version == version && (rollout.Group() is not { } group || after.Release.Group == group)
            ? after
            : after with { Release = new TargetRelease(version, now) { Group = rollout.Group() } };
    }

    private static TargetRelease ReleaseOf(Rollout rollout, string model)
        => new(rollout.Plan.Moved().First(release => release.Model == model).Version, rollout.DecidedAt, rollout.Id);

    /// <summary>What a plan asks of each device; null for nothing.</summary>
    public static ReleaseLimits? LimitsOf(RolloutPlan plan) => plan is { MaximumBytesPerDevice: null, Window: null }
        ? null
        : new ReleaseLimits(plan.MaximumBytesPerDevice, plan.Window);

    /// <summary>Every target, those this rollout moves being where it moves them, unless something newer came to them.</summary>
    public static IReadOnlyList<Target> AsMoved(Rollout rollout, IReadOnlyList<Target> targets) =>
    [
        .. targets.Select(target => rollout.Targets.Any(moved => moved.Target == target.Name) && !IsNewer(rollout, target)
            ? target with { Release = ReleaseOf(rollout, target.Model) }
            : target),
    ];

    /// <summary>
    /// Why a device is somebody else's to decide for, of any model of the rollout; null when the rollout may tell it.
    /// </summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="device">The device.</param>
    /// <param name="desired">What it was told last.</param>
    /// <param name="pins">Its pins of the rollout's models.</param>
    /// <param name="moved">Targets as <see cref="AsMoved"/> gives them.</param>
    public static string? ReasonAgainst(
        Rollout rollout, Device device, DeviceDesired desired, IReadOnlyList<Pin> pins, IReadOnlyList<Target> moved)
    {
        foreach (var each in rollout.Targets)
        {
            var pin = pins.FirstOrDefault(pin => pin.Model == each.Model);
            if (ReasonAgainst(rollout, each, device, desired.Of(each.Model), pin, moved) is not { } reason) continue;
            return rollout.Targets.Count == 1 ? reason : $"{each.Model}: {reason}";
        }
        return null;
    }

    private static string? ReasonAgainst(
        Rollout rollout, MovedTarget own, Device device, DesiredRelease? has, Pin? pin, IReadOnlyList<Target> moved)
        => Convergence.Decide(device, own.Model, has, pin, moved) switch
        {
            null => "The filter no longer selects the device.",
            { IsPin: true, Version: var version } => $"The device is pinned to release {version}.",
            { Target: { } target, Priority: var priority } when target != own.Target
                => moved.Any(each => each.Name == own.Target && each.Selects(device))
                    ? $"Target {target} of priority {priority} decides for the device."
                    : "The filter no longer selects the device.",
            { DecidedAt: var at, Version: var version } when at > rollout.DecidedAt
                => $"Release {version} came to target {own.Target} since.",
            _ => null,
        };

    private static string NameOf(string model, string filter, HashSet<string> taken)
    {
        var values = filter.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(term => term.Split('=', 2)[1]);
        var letters = string.Join('-', values.Prepend(model)).ToLowerInvariant()
            .Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '-').Take(NameLength);
        var name = string.Concat(letters).Trim('-');
        for (var number = 1; ; number++)
        {
            var free = number == 1 ? name : $"{name}-{number}";
            if (!taken.Contains(free)) return free;
        }
    }
}
