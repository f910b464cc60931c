using Fleet.Contracts.Releases;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>One release on its way through the phases: what is wanted, and what the steps have found out so far.</summary>
internal sealed record Attempt
{
    /// <summary>What the server wants.</summary>
    public required Assignment Assignment { get; init; }

    /// <summary>Which release that is.</summary>
    public required string Digest { get; init; }

    /// <summary>What it is switched to together with; null when it stands alone.</summary>
    public string? Group { get; init; }

    /// <summary>The journal as it was last written.</summary>
    public required ModelJournal Journal { get; init; }

    /// <summary>The manifest, once it is trusted.</summary>
    public ReleaseManifest Manifest { get => field ?? throw new InvalidOperationException("The preflight has not run."); init; }

    /// <summary>The variants this device may try.</summary>
    public IReadOnlyList<Variant> Candidates { get; init; } = [];

    /// <summary>The release as this device already keeps it: it has proven itself here and is not measured again.</summary>
    public ServingRelease? Kept { get; init; }

    /// <summary>The best variant that passed.</summary>
    public MeasuredVariant? Chosen { get; init; }

    /// <summary>How fast each variant ran that was validated; null where none was.</summary>
    public IReadOnlyList<VariantTime>? Times { get; init; }

    /// <summary>The chosen variant as a release that serves.</summary>
    public ServingRelease Release()
    {
        var chosen = Chosen ?? throw new InvalidOperationException("No variant was chosen.");
        return new ServingRelease
        {
            Digest = Digest,
            Variant = chosen.Variant,
            Manifest = Manifest,
            Measured = chosen.Scores,
            Group = Group,
        };
    }

    /// <summary>What must be on the shelf: the candidates and, unless nothing is validated, the validation set.</summary>
    public IEnumerable<ArtifactReference> Artifacts()
    {
        var variants = Candidates.Select(variant => variant.Artifact);
        return (Kept is null ? variants.Prepend(Manifest.ValidationSet) : variants).DistinctBy(artifact => artifact.Sha256);
    }
}

/// <summary>The result of one step.</summary>
/// <param name="Attempt">What is known after it; of a step that several share, the one that failed.</param>
/// <param name="Failure">Why it failed; <see cref="DeploymentFailure.None"/> when it succeeded.</param>
/// <param name="Detail">The failure in one sentence with its numbers.</param>
internal sealed record StepResult(Attempt Attempt, DeploymentFailure Failure = DeploymentFailure.None, string Detail = "");

/// <summary>
/// The work of one phase, for each release by itself. A planned failure is a result; an exception is reported as unexpected.
/// </summary>
internal interface IDeploymentStep
{
    /// <summary>The phase that it carries out.</summary>
    DeploymentPhase Phase { get; }

    /// <summary>Carries it out.</summary>
    Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken);
}

/// <summary>The work of a phase that the releases of a group go through at once.</summary>
internal interface ISharedStep
{
    /// <summary>The phase that it carries out.</summary>
    DeploymentPhase Phase { get; }

    /// <summary>Carries it out for all of them, or for none.</summary>
    Task<StepResult> RunAsync(IReadOnlyList<Attempt> attempts, CancellationToken cancellationToken);
}
