using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;

namespace Fleet.Server.Rollouts;

/// <summary>One device's part in a rollout, from the moment it was told. Stored under <see cref="IdOf"/>.</summary>
internal sealed partial record DeviceRollout
{
    public required string Rollout { get; init; }

    public required DeviceId Device { get; init; }

    /// <summary>
    /// Its models: one, or several that it switches to together. Beside those of the plan there are those that an earlier plan moved
    /// together with them and that the device does not serve yet.
    /// </summary>
    public IReadOnlyList<ModelRollout> Models { get => field ?? [AsKeptBefore()]; init; }

    /// <summary>Its wave, from 1.</summary>
    public required int Wave { get; init; }

    /// <summary>Most bytes that it may have to fetch; 0 for rollouts of before that was kept.</summary>
    public long MostBytes { get; init; }

    /// <summary>The desired revision that told it: a report of an older one does not answer this.</summary>
    public required long Revision { get; init; }

    /// <summary>Its way back; null while nobody sent it back.</summary>
    public DeviceReturn? Return { get; init; }

    /// <summary>When it was told.</summary>
    public required DateTimeOffset ToldAt { get; init; }

    /// <summary>Where it stands.</summary>
    public DeviceRolloutStatus Status { get; init; } = DeviceRolloutStatus.Running;

    /// <summary>The phase it reported last: of several models, of the one that is furthest on its way.</summary>
    public DeploymentPhase Phase { get; init; } = DeploymentPhase.Idle;

    /// <summary>When the server first heard of that phase, by the server's clock: a device's clock is not trusted.</summary>
    public required DateTimeOffset PhaseSince { get; init; }

    /// <summary>Why it failed: of several models, why the one did that failed first.</summary>
    public DeploymentFailure Failure { get; init; }

    /// <summary>The failure in a sentence; of several models, it names the one.</summary>
    public string Detail { get; init; } = "";

    /// <summary>When this last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>What the device should run of its models, all by this rollout's order; null when any of them is another's to say.</summary>
    public IReadOnlyList<DesiredRelease>? OrderedBy(DeviceDesired desired)
    {
        DesiredRelease[] has = [.. Models.Select(model => desired.Of(model.Model)).OfType<DesiredRelease>()];
        return has.Length == Models.Count && has.All(release => release.By?.Rollout == Rollout) ? has : null;
    }

    /// <summary>What holds its releases together on the device; null for one.</summary>
    public string? Group() => Models.Count > 1 ? Rollout : null;

    /// <summary>The id of a device's part in a rollout.</summary>
    public static string IdOf(string rollout, DeviceId device) => $"{PrefixOf(rollout)}{device}";

    /// <summary>What the ids of one rollout start with.</summary>
    public static string PrefixOf(string rollout) => $"{rollout}/";
}

/// <summary>A device's way back from a rollout.</summary>
/// <param name="Status">How far it is.</param>
/// <param name="Version">Where it returns to, if that is one model; null for serving nothing.</param>
/// <param name="Revision">The desired revision that told it; 0 where none was sent.</param>
internal sealed record DeviceReturn(DeviceReturnStatus Status, int? Version, long Revision)
{
    /// <summary>Why it could not return.</summary>
    public DeploymentFailure Failure { get; init; }

    /// <summary>The same in a sentence.</summary>
    public string Detail { get; init; } = "";
}

/// <summary>
/// Names the rollout that a device is on its way back from. Stored under device and model, so that a report finds it at once, also long
/// after the rollout has ended.
/// </summary>
/// <param name="Rollout">The rollout.</param>
internal sealed record PendingReturn(string Rollout)
{
    /// <summary>The id for a device and model.</summary>
    public static string IdOf(DeviceId device, string model) => $"{PrefixOf(device)}{model}";

    /// <summary>What the ids of a device start with.</summary>
    public static string PrefixOf(DeviceId device) => $"{device}/";

    /// <summary>The device of an id.</summary>
    public static DeviceId DeviceOf(string id) => DeviceId.Parse(id[..id.IndexOf('/', StringComparison.Ordinal)]);
}
