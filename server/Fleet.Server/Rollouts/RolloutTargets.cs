using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>What a rollout does with the target it moves: finds or makes it, marks it, moves it, gives it back.</summary>
internal sealed class RolloutTargets(IFleetStore store)
{
    private const int NameLength = 48;

    /// <summary>The target of a plan, or a new one, as it is when the rollout has begun, and the change that says so.</summary>
    public async Task<(Target Target, StoreChange Change)> BeginAsync(
        RolloutPlan plan, string filter, string rollout, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await store.TargetOfAsync(plan.Model, filter, cancellationToken) is { } stored)
            return (stored.Document, stored.Change(stored.Document with { Moving = rollout }));
        var names = (await store.TargetsAsync(cancellationToken)).Select(each => each.Name).ToHashSet(StringComparer.Ordinal);
        var target = new Target { Name = NameOf(plan.Model, filter, names), Model = plan.Model, Filter = filter, CreatedAt = now };
        return (target, StoreChange.Create(target.Name, target with { Moving = rollout }));
    }

    /// <summary>What becomes of the target when the rollout stands where it stands now; nothing while that is open.</summary>
    public async Task<IReadOnlyList<StoreChange>> EndAsync(Rollout rollout, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (rollout.Target is null || rollout.Status is RolloutStatus.Running or RolloutStatus.Paused or RolloutStatus.AwaitingApproval)
            return [];
        if (await store.FindAsync<Target>(rollout.Target, cancellationToken) is not { } stored) return [];
        var target = stored.Document;
        var after = target with { Moving = target.Moving == rollout.Id ? null : target.Moving };
        var brought = target.Release?.Rollout == rollout.Id;
        after = rollout switch
        {
            { Status: RolloutStatus.Succeeded, IsWhole: true } when !brought
                => after with
                {
                    Release = new TargetRelease(rollout.Plan.Version, rollout.CreatedAt, rollout.Id) { Limits = LimitsOf(rollout.Plan) },
                },
            { Status: RolloutStatus.RolledBack, ReturnTo: { } version } when after.Release?.Version != version
                => after with { Release = new TargetRelease(version, now) },
            { Status: RolloutStatus.RolledBack, ReturnTo: null } when brought => after with { Release = rollout.Before },
            _ => after,
        };
        return after == target ? [] : [stored.Change(after)];
    }

    /// <summary>What a plan asks of each device; null for nothing.</summary>
    public static ReleaseLimits? LimitsOf(RolloutPlan plan) => plan is { MaximumBytesPerDevice: null, Window: null }
        ? null
        : new ReleaseLimits(plan.MaximumBytesPerDevice, plan.Window);

    /// <summary>Every target, the one this rollout moves being where it moves it.</summary>
    public static IReadOnlyList<Target> AsMoved(Rollout rollout, IReadOnlyList<Target> targets) =>
    [
        .. targets.Select(target => target.Name == rollout.Target
            ? target with { Release = new TargetRelease(rollout.Plan.Version, rollout.CreatedAt, rollout.Id) }
            : target),
    ];

    /// <summary>Why a device is somebody else's to decide for; null when the rollout may tell it.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="device">The device.</param>
    /// <param name="has">What it was told last.</param>
    /// <param name="pin">Its pin of the model.</param>
    /// <param name="moved">Targets as <see cref="AsMoved"/> gives them.</param>
    public static string? ReasonAgainst(Rollout rollout, Device device, DesiredRelease? has, Pin? pin, IReadOnlyList<Target> moved)
    {
        if (rollout.Target is null) return null;
        return Convergence.Decide(device, rollout.Plan.Model, has, pin, moved) switch
        {
            null => "The filter no longer selects the device.",
            { IsPin: true, Version: var version } => $"The device is pinned to release {version}.",
            { Target: { } target, Priority: var priority } when target != rollout.Target
                => moved.Any(each => each.Name == rollout.Target && each.Selects(device))
                    ? $"Target {target} of priority {priority} decides for the device."
                    : "The filter no longer selects the device.",
            _ => null,
        };
    }

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
