using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Devices;

/// <summary>
/// What a server that was restored from a backup learns from its devices: what they can show that it ordered itself, and nothing else.
/// Pure.
/// </summary>
internal static class RestoreRules
{
    /// <summary>Models whose largest version is learnt; a device that was ordered more in its life is told them as they come.</summary>
    public const int MostModels = 256;

    /// <summary>
    /// How far above an order that goes back the release may be numbered that it went back from, which the order does not name.
    /// </summary>
    public const int MostSkipped = 1000;

    /// <summary>
    /// The order that a report answers, if it shows one that this fleet signed: judged as by a device that knows of no more than this
    /// server.
    /// </summary>
    /// <param name="device">Who reports.</param>
    /// <param name="reported">The report.</param>
    /// <param name="known">The revision that this server knows.</param>
    /// <param name="root">The root that counts; the order must be of its epoch, because those before are behind whatever they say.</param>
    /// <param name="keys">Keys that signed orders of that epoch.</param>
    public static OrderVerdict Judge(
        DeviceId device, ReportedState reported, long known, TrustRoot root, IReadOnlyList<ReleaseKey> keys)
    {
        if (reported.Order is not { } shown)
            return new OrderVerdict(null, OrderFault.Missing, "It shows no order that says so.");
        var named = OrderVerifier.Read(shown)?.Assignments ?? [];
        return OrderVerifier.Verify(shown, reported.Revision, named, new OrderGround
        {
            Root = root with { Keys = keys, Roles = root.Roles with { Orders = new TrustRole([.. keys.Select(key => key.Id)], 1) } },
            Device = device,
            Accepted = new OrderPlace(root.OrderEpoch, known),
            Known = new HashSet<string>(),
            // What was accepted stays accepted, however old it is.
            Now = DateTimeOffset.MinValue,
            TimeAnchor = long.MaxValue,
        });
    }

    /// <summary>What a device should run after it showed an order that is ahead of it; the same instance when it is not.</summary>
    /// <remarks>
    /// What was ordered is believed where the release is stored, because it is later than the backup. An order that was given since is kept
    /// and given again, under a revision that the device takes. So is what was believed where that is the whole order, which changes
    /// nothing on the device: it would else refuse whatever is signed to it until somebody orders something, an announced address too.
    /// </remarks>
    /// <param name="desired">What it should run, as this server knows.</param>
    /// <param name="order">An order of this fleet to the device.</param>
    /// <param name="reported">The report that it came with.</param>
    /// <param name="stored">Releases of the order that are stored here.</param>
    public static DeviceDesired CatchUp(
        DeviceDesired desired, DeviceOrder order, ReportedState reported, IReadOnlySet<OrderedRelease> stored)
    {
        if (order.Revision <= Math.Max(desired.Revision, desired.Floor)) return desired;
        var caught = order.Assignments.Aggregate(
            desired with { Floor = order.Revision }, (known, release) => Remembering(known, release, reported));
        if (desired.Assignments.Any(assignment => assignment.By?.DecidedAt > order.IssuedAt)) return caught.Again();
        var believed = order.Assignments.Select(release => Believed(desired, release, stored));
        var next = caught with { Assignments = [.. believed.OfType<DesiredRelease>()] };
        return order.Assignments.All(stored.Contains) ? next.Again() : next;
    }

    private static DeviceDesired Remembering(DeviceDesired known, OrderedRelease release, ReportedState reported)
    {
        if (known.Largest?.Count >= MostModels && !known.Largest.ContainsKey(release.Model)) return known;
        var largest = release.Version;
        if (release.Rollback && reported.Models.FirstOrDefault(model => model.Model == release.Model) is { } said)
            largest = Math.Clamp(Math.Max(said.Version, said.PreviousVersion ?? 0), release.Version, release.Version + MostSkipped);
        return known.Remembering(release.Model, largest);
    }

    private static DesiredRelease? Believed(DeviceDesired desired, OrderedRelease release, IReadOnlySet<OrderedRelease> stored)
    {
        var has = desired.Of(release.Model);
        if (!stored.Contains(release)) return has;
        var by = has?.Version != release.Version && has?.By is { Target: not null } said
            ? said with { Rollout = null, InsteadOf = has.Version }
            : has?.By;
        return new DesiredRelease(release.Model, release.Version, release.Rollback, by) { Window = release.Window, Group = release.Group };
    }
}
