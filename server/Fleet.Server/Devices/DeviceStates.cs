using Fleet.Contracts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Devices;

/// <summary>
/// What a device should run, as it is stored, under the device's id; a device that was never assigned anything has none. It names
/// releases; the signed manifests are put in when it is sent, so that ten thousand devices do not keep ten thousand copies.
/// </summary>
/// <param name="Revision">Grows with every change, by one unless the device is ahead of this server.</param>
/// <param name="Assignments">One for each model.</param>
internal sealed record DeviceDesired(long Revision, IReadOnlyList<DesiredRelease> Assignments)
{
    /// <summary>Nothing, before the first assignment.</summary>
    public static readonly DeviceDesired Nothing = new(0, []);

    /// <summary>The largest version of each model that the device was ever told: what is below it goes back on purpose.</summary>
    public IReadOnlyDictionary<string, int>? Largest { get; init; }

    /// <summary>
    /// Withdrawn releases that the device had, or was told to run, when it was told that they are, the newest last; null for none.
    /// </summary>
    public IReadOnlyList<WithdrawnRelease>? Withdrawn { get; init; }

    /// <summary>The release of a model, or null.</summary>
    public DesiredRelease? Of(string model) => Assignments.FirstOrDefault(assignment => assignment.Model == model);

    /// <summary>
    /// The revision of the order that the device showed when that was above this server's: the server was restored from a backup that is
    /// older than the device's last order, and goes on above it.
    /// </summary>
    public long Floor { get; init; }

    /// <summary>
    /// When the device was decommissioned: what stands here then is the last revision it was told, so that whoever is enrolled under its
    /// id goes on above it, with whatever data folder.
    /// </summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>The next revision, with the releases of some models set; the other models are left alone.</summary>
    public DeviceDesired With(params IEnumerable<DesiredRelease> releases)
        => releases.Aggregate(this, (desired, release) => desired.Set(release)) with { Revision = NextRevision };

    private DeviceDesired Set(DesiredRelease release)
    {
        var known = Remembering(release.Model, release.Version);
        return known with
        {
            Assignments =
            [
                .. Assignments.Where(assignment => assignment.Model != release.Model),
                release with { Rollback = release.Rollback || release.Version < known.Largest![release.Model] },
            ],
        };
    }

    /// <summary>The next revision, without a model.</summary>
    public DeviceDesired Without(string model) => Remembering(model, 0) with
    {
        Revision = NextRevision,
        Assignments = [.. Assignments.Where(assignment => assignment.Model != model)],
    };

    /// <summary>The same revision, a model's release being somebody else's word than before: the device need not be told.</summary>
    public DeviceDesired Marked(string model, DesiredBy by)
        => this with { Assignments = [.. Assignments.Select(each => each.Model == model ? each with { By = by } : each)] };

    /// <summary>
    /// The same for a device that was enrolled anew: where nothing was ordered above it, what its predecessor showed counts no more.
    /// </summary>
    public DeviceDesired Reenrolled() => Floor > Revision ? this with { Floor = 0 } : this;

    /// <summary>The same order once more, under a revision that the device takes.</summary>
    public DeviceDesired Again() => this with { Revision = NextRevision };

    /// <summary>The next revision, in which the device is told of releases that were withdrawn.</summary>
    public DeviceDesired Withdrawing(IReadOnlyList<WithdrawnRelease> releases) => Again() with
    {
        Withdrawn =
        [
            .. (Withdrawn ?? []).Where(known => releases.All(release => release.Sha256 != known.Sha256)).Concat(releases)
                .TakeLast(Limits.WithdrawnPerOrder),
        ],
    };

    /// <summary>Nothing any more, under a revision above all that were told; the device is decommissioned.</summary>
    public DeviceDesired Ended(DateTimeOffset at)
        => this with { Revision = Revision == 0 && Floor == 0 ? 0 : NextRevision, Assignments = [], Withdrawn = null, EndedAt = at };

    private long NextRevision => Math.Max(Revision, Floor) + 1;

    /// <summary>The same, a version of a model being known to have been told to the device.</summary>
    /// <remarks>What was stored before largest versions were says at least what is assigned.</remarks>
    public DeviceDesired Remembering(string model, int version)
    {
        var largest = Math.Max(Largest?.GetValueOrDefault(model) ?? 0, Math.Max(Of(model)?.Version ?? 0, version));
        return this with
        {
            Largest = new SortedDictionary<string, int>(Largest?.ToDictionary() ?? [], StringComparer.Ordinal) { [model] = largest },
        };
    }
}

/// <summary>One model's release, by name.</summary>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release number.</param>
/// <param name="Rollback">See <see cref="Assignment.Rollback"/>.</param>
/// <param name="By">Whose word it is; null for what was assigned before there were targets.</param>
internal sealed record DesiredRelease(string Model, int Version, bool Rollback = false, DesiredBy? By = null)
{
    /// <summary>See <see cref="Assignment.Window"/>.</summary>
    public ActivationWindow? Window { get; init; }

    /// <summary>See <see cref="Assignment.Group"/>.</summary>
    public string? Group { get; init; }
}

/// <summary>Whose word an assignment is.</summary>
/// <param name="Target">The target that decided; null for a pin, or where none decides.</param>
/// <param name="DecidedAt">When it was ordered.</param>
internal sealed record DesiredBy(string? Target, DateTimeOffset DecidedAt)
{
    /// <summary>The rollout that told the device, or moved its target.</summary>
    public string? Rollout { get; init; }

    /// <summary>
    /// The release of its target that this one stands in for: the device was returned to what it last served, which was another one.
    /// </summary>
    public int? InsteadOf { get; init; }
}

/// <summary>What a device said last, as it is stored, under the device's id.</summary>
/// <param name="State">The report.</param>
/// <param name="At">When it came, by the server's clock.</param>
internal sealed record DeviceReported(ReportedState State, DateTimeOffset At);

/// <summary>
/// When a device was last heard of, as it is stored, under the device's id: written now and then, not with every message.
/// </summary>
internal sealed record DeviceSeen(DateTimeOffset At);
