using Fleet.Contracts.State;

namespace Fleet.Server.Devices;

/// <summary>What a server that was restored from a backup learns from its devices. Pure.</summary>
internal static class RestoreRules
{
    /// <summary>Revisions that a device may be ahead. More than this no backup explains, and the device is not believed.</summary>
    public const long LargestLead = 1_000_000;

    /// <summary>What a device should run after a report that is ahead of it; the same instance when it is not.</summary>
    /// <remarks>
    /// What the device serves is believed where the release is stored, because the order that brought it was later than the backup. An
    /// order that was given since this server started is kept and given again, under a revision that the device takes.
    /// </remarks>
    /// <param name="desired">What it should run, as this server knows.</param>
    /// <param name="reported">The report.</param>
    /// <param name="isStored">True for a release that is stored here.</param>
    /// <param name="startedAt">When this server started: what was ordered since is no backup's.</param>
    public static DeviceDesired CatchUp(
        DeviceDesired desired, ReportedState reported, Func<string, int, bool> isStored, DateTimeOffset startedAt)
    {
        var lead = reported.Revision - Math.Max(desired.Revision, desired.Floor);
        if (lead is <= 0 or > LargestLead) return desired;
        var caught = desired with { Floor = reported.Revision };
        var orderedSince = desired.Assignments.Any(assignment => assignment.By?.DecidedAt >= startedAt);
        foreach (var model in reported.Models)
        {
            var largest = Math.Max(model.Version, Math.Max(model.ActiveVersion ?? 0, model.PreviousVersion ?? 0));
            caught = caught.Remembering(model.Model, largest);
            if (!orderedSince && model.ActiveVersion is { } serves && isStored(model.Model, serves))
                caught = Believing(caught, model.Model, serves);
        }
        return orderedSince ? caught.Again() : caught;
    }

    private static DeviceDesired Believing(DeviceDesired desired, string model, int serves)
    {
        var has = desired.Of(model);
        if (has?.Version == serves) return desired;
        var by = has?.By is { Target: not null } said ? said with { Rollout = null, InsteadOf = has.Version } : has?.By;
        var believed = new DesiredRelease(model, serves, Rollback: serves < desired.Largest![model], by);
        return desired with { Assignments = [.. desired.Assignments.Where(each => each.Model != model), believed] };
    }
}
