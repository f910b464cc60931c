using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Server.Rollouts;

/// <summary>One device's part in a rollout, from the moment it was told. Stored under <see cref="IdOf"/>.</summary>
internal sealed record DeviceRollout
{
    public required string Rollout { get; init; }

    public required DeviceId Device { get; init; }

    public required string Model { get; init; }

    /// <summary>Release it was told to serve.</summary>
    public required int Version { get; init; }

    /// <summary>Its wave, from 1.</summary>
    public required int Wave { get; init; }

    /// <summary>The desired revision that told it: a report of an older one does not answer this.</summary>
    public required long Revision { get; init; }

    /// <summary>What it was assigned before; null for nothing.</summary>
    public int? PreviousVersion { get; init; }

    /// <summary>
    /// What it served when it was told, as it said last; null when it served nothing or had not said. It returns here.
    /// </summary>
    public int? ServedVersion { get; init; }

    /// <summary>True when it had failed at what it was assigned before: nothing returns it there.</summary>
    public bool PreviousFailed { get; init; }

    /// <summary>Its way back; null while nobody sent it back.</summary>
    public DeviceReturn? Return { get; init; }

    /// <summary>When it was told.</summary>
    public required DateTimeOffset ToldAt { get; init; }

    /// <summary>Where it stands.</summary>
    public DeviceRolloutStatus Status { get; init; } = DeviceRolloutStatus.Running;

    /// <summary>The phase it reported last.</summary>
    public DeploymentPhase Phase { get; init; } = DeploymentPhase.Idle;

    /// <summary>When the server first heard of that phase, by the server's clock: a device's clock is not trusted.</summary>
    public required DateTimeOffset PhaseSince { get; init; }

    /// <summary>Why it failed.</summary>
    public DeploymentFailure Failure { get; init; }

    /// <summary>The failure in a sentence.</summary>
    public string Detail { get; init; } = "";

    /// <summary>The variant it chose or tries.</summary>
    public string? Variant { get; init; }

    /// <summary>What it measured.</summary>
    public Scores? Measured { get; init; }

    /// <summary>When this last changed.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Where it returns to, unless an operator says where; null takes the model out of service.</summary>
    /// <param name="ruling">What its targets say without the rollout.</param>
    public int? ReturnVersion(int? ruling) => ServedVersion ?? ruling ?? (PreviousFailed ? null : PreviousVersion);

    /// <summary>The id of a device's part in a rollout.</summary>
    public static string IdOf(string rollout, DeviceId device) => $"{PrefixOf(rollout)}{device}";

    /// <summary>What the ids of one rollout start with.</summary>
    public static string PrefixOf(string rollout) => $"{rollout}/";
}

/// <summary>A device's way back from a rollout.</summary>
/// <param name="Status">How far it is.</param>
/// <param name="Version">Where it returns to; null for serving nothing.</param>
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
}
