using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>What a rollout does with the targets it moves: finds or makes them, marks them, moves them together, gives them back.</summary>
internal sealed class RolloutTargets(IFleetStore store)
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
    public async Task<IReadOnlyList<StoreChange>> EndAsync(Rollout rollout, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (rollout.Status is RolloutStatus.Running or RolloutStatus.Paused or RolloutStatus.AwaitingApproval) return [];
        var changes = new List<StoreChange>();
        foreach (var moved in rollout.Targets)
        {
            if (await store.FindAsync<Target>(moved.Target, cancellationToken) is not { } stored) continue;
            var after = Ended(rollout, moved, stored.Document, now);
            if (after != stored.Document) changes.Add(stored.Change(after));
        }
        return changes;
    }

    private static Target Ended(Rollout rollout, MovedTarget moved, Target target, DateTimeOffset now)
    {
        var after = target with { Moving = target.Moving == rollout.Id ? null : target.Moving };
        var brought = target.Release?.Rollout == rollout.Id;
        return rollout switch
        {
            { Status: RolloutStatus.Succeeded, IsWhole: true } when !brought => after with
            {
                Release = ReleaseOf(rollout, moved.Model) with { Limits = LimitsOf(rollout.Plan), Group = rollout.Group() },
            },
            { Status: RolloutStatus.RolledBack, ReturnTo: { } version } when after.Release?.Version != version
                => after with { Release = new TargetRelease(version, now) },
            { Status: RolloutStatus.RolledBack, ReturnTo: null } when brought => after with { Release = moved.Before },
            _ => after,
        };
    }

    private static TargetRelease ReleaseOf(Rollout rollout, string model)
        => new(rollout.Plan.Moved().First(release => release.Model == model).Version, rollout.CreatedAt, rollout.Id);

    /// <summary>What a plan asks of each device; null for nothing.</summary>
    public static ReleaseLimits? LimitsOf(RolloutPlan plan) => plan is { MaximumBytesPerDevice: null, Window: null }
        ? null
        : new ReleaseLimits(plan.MaximumBytesPerDevice, plan.Window);

    /// <summary>Every target, those this rollout moves being where it moves them.</summary>
    public static IReadOnlyList<Target> AsMoved(Rollout rollout, IReadOnlyList<Target> targets) =>
    [
        .. targets.Select(target => rollout.Targets.Any(moved => moved.Target == target.Name)
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
            if (ReasonAgainst(each, device, desired.Of(each.Model), pin, moved) is not { } reason) continue;
            return rollout.Targets.Count == 1 ? reason : $"{each.Model}: {reason}";
        }
        return null;
    }

    private static string? ReasonAgainst(MovedTarget own, Device device, DesiredRelease? has, Pin? pin, IReadOnlyList<Target> moved)
        => Convergence.Decide(device, own.Model, has, pin, moved) switch
        {
            null => "The filter no longer selects the device.",
            { IsPin: true, Version: var version } => $"The device is pinned to release {version}.",
            { Target: { } target, Priority: var priority } when target != own.Target
                => moved.Any(each => each.Name == own.Target && each.Selects(device))
                    ? $"Target {target} of priority {priority} decides for the device."
                    : "The filter no longer selects the device.",
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
