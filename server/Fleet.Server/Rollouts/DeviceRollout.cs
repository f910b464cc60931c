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

    /// <summary>What it was assigned before; null for nothing. A rollback returns here.</summary>
    public int? PreviousVersion { get; init; }

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

    /// <summary>The id of a device's part in a rollout.</summary>
    public static string IdOf(string rollout, DeviceId device) => $"{PrefixOf(rollout)}{device}";

    /// <summary>What the ids of one rollout start with.</summary>
    public static string PrefixOf(string rollout) => $"{rollout}/";
}
