using Fleet.Server.Devices;

namespace Fleet.Server.Targets;

/// <summary>What one device should run of one model, and whose word that is.</summary>
/// <param name="Version">Release number.</param>
/// <param name="Target">The target that decides; null for a pin.</param>
/// <param name="Rollout">The rollout that told the device, or moved its target; null for an operator's own word.</param>
/// <param name="Priority">Priority of the target.</param>
/// <param name="DecidedAt">When it was ordered.</param>
internal sealed record Ruling(int Version, string? Target, string? Rollout, int Priority, DateTimeOffset DecidedAt)
{
    /// <summary>The device is held by a pin.</summary>
    public bool IsPin => Target is null;

    /// <summary>What is asked of each device; null for nothing.</summary>
    public ReleaseLimits? Limits { get; init; }

    /// <summary>See <see cref="TargetRelease.Group"/>.</summary>
    public string? Group { get; init; }

    /// <summary>The order that carries it out.</summary>
    public DesiredRelease Order(string model) => new(model, Version, By: new DesiredBy(Target, DecidedAt) { Rollout = Rollout })
    {
        Window = Limits?.Window,
        Group = Group,
    };
}

/// <summary>
/// Decides what a device should run where pins, targets and rollouts meet. Pure. A pin holds the device whatever else selects it. Among
/// the rest the highest priority decides, and of equals what was ordered last, so that whoever orders something sees it happen. What a
/// rollout told a device counts as an order of that rollout's target, as long as the target selects the device.
/// </summary>
internal static class Convergence
{
    /// <summary>What the device should run; null when nothing decides, and then it keeps what it has.</summary>
    /// <param name="device">The device.</param>
    /// <param name="model">The model.</param>
    /// <param name="has">What it was told last; null for nothing, or to leave rollouts aside.</param>
    /// <param name="pin">Its pin of that model.</param>
    /// <param name="targets">All targets; those of other models are passed over.</param>
    public static Ruling? Decide(Device device, string model, DesiredRelease? has, Pin? pin, IEnumerable<Target> targets)
    {
        if (pin is not null) return new Ruling(pin.Version, null, null, int.MaxValue, pin.CreatedAt);
        return targets.Where(target => target.Model == model && target.Selects(device))
            .SelectMany(target => RulingsOf(target, has))
            .OrderByDescending(ruling => ruling.Priority).ThenByDescending(ruling => ruling.DecidedAt)
            .ThenBy(ruling => ruling.Target, StringComparer.Ordinal).FirstOrDefault();
    }

    /// <summary>
    /// True when a device has what a ruling asks. A device that was returned to what it last served, because it never served the release
    /// of its target, has it too: it is not asked for that release again until the target moves.
    /// </summary>
    public static bool IsMet(Ruling ruling, DesiredRelease? has)
        => has?.Version == ruling.Version || (has?.By is { Target: { } target, InsteadOf: { } standsFor } && standsFor == ruling.Version
            && target == ruling.Target);

    /// <summary>
    /// Why a device cannot have releases that were moved together; null when it can, and for one that was moved alone. Where somebody else
    /// decides for one of them (a pin, a target of higher priority), the device is held apart from all.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="group">See <see cref="TargetRelease.Group"/>.</param>
    /// <param name="desired">What it was told last.</param>
    /// <param name="pins">Its pins.</param>
    /// <param name="targets">All targets.</param>
    public static string? ReasonAgainstGroup(
        Device device, string? group, DeviceDesired desired, IReadOnlyList<Pin> pins, IReadOnlyList<Target> targets)
    {
        foreach (var target in targets.Where(target => group is not null && target.Release?.Group == group && target.Selects(device)))
        {
            var pin = pins.FirstOrDefault(pin => pin.Model == target.Model);
            var ruling = Decide(device, target.Model, desired.Of(target.Model), pin, targets);
            if (ruling?.Version != target.Release!.Version)
                return $"Model {target.Model}, which was moved together with it, is {(pin is null ? "decided otherwise" : "pinned")}.";
        }
        return null;
    }

    private static IEnumerable<Ruling> RulingsOf(Target target, DesiredRelease? has)
    {
        if (has?.By is { Rollout: { } rollout } by && by.Target == target.Name)
            yield return new Ruling(has.Version, target.Name, rollout, target.Priority, by.DecidedAt);
        if (target.Release is { } release)
            yield return new Ruling(release.Version, target.Name, release.Rollout, target.Priority, release.DecidedAt)
            {
                Limits = release.Limits,
                Group = release.Group,
            };
    }
}
