using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Server.Rollouts;

/// <summary>One model of a device's part in a rollout.</summary>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release it was told to serve.</param>
internal sealed record ModelRollout(string Model, int Version)
{
    /// <summary>What it was assigned before; null for nothing.</summary>
    public int? PreviousVersion { get; init; }

    /// <summary>
    /// What it served when it was told, as it said last; null when it served nothing or had not said. It returns here.
    /// </summary>
    public int? ServedVersion { get; init; }

    /// <summary>True when it had failed at what it was assigned before: nothing returns it there.</summary>
    public bool PreviousFailed { get; init; }

    /// <summary>The phase it reported last.</summary>
    public DeploymentPhase Phase { get; init; }

    /// <summary>Why it failed.</summary>
    public DeploymentFailure Failure { get; init; }

    /// <summary>The failure in a sentence.</summary>
    public string? Detail { get; init; }

    /// <summary>The variant it chose or tries.</summary>
    public string? Variant { get; init; }

    /// <summary>What it measured.</summary>
    public Scores? Measured { get; init; }

    /// <summary>True when it is on its way back: a model that was told something else since is not.</summary>
    public bool IsReturning { get; init; }

    /// <summary>On its way back: the release it returns to; null for serving nothing.</summary>
    public int? ReturnsTo { get; init; }

    /// <summary>Where it returns to, unless an operator says where; null takes the model out of service.</summary>
    /// <param name="ruling">What its targets say without the rollout.</param>
    public int? ReturnVersion(int? ruling) => ServedVersion ?? ruling ?? (PreviousFailed ? null : PreviousVersion);
}
