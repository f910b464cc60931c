using Fleet.Contracts.State;

namespace Fleet.Server.Devices;

/// <summary>
/// What a device should run, as it is stored, under the device's id; a device that was never assigned anything has none. It names
/// releases; the signed manifests are put in when it is sent, so that ten thousand devices do not keep ten thousand copies.
/// </summary>
/// <param name="Revision">Grows by one with every change.</param>
/// <param name="Assignments">One for each model.</param>
internal sealed record DeviceDesired(long Revision, IReadOnlyList<DesiredRelease> Assignments)
{
    /// <summary>Nothing, before the first assignment.</summary>
    public static readonly DeviceDesired Nothing = new(0, []);

    /// <summary>The release of a model, or null.</summary>
    public DesiredRelease? Of(string model) => Assignments.FirstOrDefault(assignment => assignment.Model == model);

    /// <summary>The next revision, with a model's release set; the other models are left alone.</summary>
    public DeviceDesired With(DesiredRelease release)
        => new(Revision + 1, [.. Assignments.Where(assignment => assignment.Model != release.Model), release]);

    /// <summary>The next revision, without a model.</summary>
    public DeviceDesired Without(string model) => new(Revision + 1, [.. Assignments.Where(assignment => assignment.Model != model)]);
}

/// <summary>One model's release, by name.</summary>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release number.</param>
/// <param name="Rollback">See <see cref="Assignment.Rollback"/>.</param>
internal sealed record DesiredRelease(string Model, int Version, bool Rollback = false);

/// <summary>What a device said last, as it is stored, under the device's id.</summary>
/// <param name="State">The report.</param>
/// <param name="At">When it came, by the server's clock.</param>
internal sealed record DeviceReported(ReportedState State, DateTimeOffset At);

/// <summary>
/// When a device was last heard of, as it is stored, under the device's id: written now and then, not with every message.
/// </summary>
internal sealed record DeviceSeen(DateTimeOffset At);
