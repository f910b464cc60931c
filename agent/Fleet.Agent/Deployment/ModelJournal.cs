using System.Text.Json.Serialization;
using Fleet.Agent.Inference;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Deployment;

/// <summary>What the device knows of one model. Written before each phase begins, so that the agent can continue after any end.</summary>
internal sealed record ModelJournal
{
    /// <summary>Model name.</summary>
    public required string Model { get; init; }

    /// <summary>The last deployment; null once the model is out of service.</summary>
    public JournalEntry? Last { get; init; }

    /// <summary>The release that serves, and serves again after a restart.</summary>
    public ServingRelease? Active { get; init; }

    /// <summary>The release before it, kept to return to.</summary>
    public ServingRelease? Previous { get; init; }

    /// <summary>The largest version whose signature was valid: the device goes below it only to a release that it keeps.</summary>
    public int LargestTrusted { get; init; }

    /// <summary>
    /// SHA-256 of the file that it replaces, empty where there is none: only while it changes together with others.
    /// </summary>
    public string? Replaces { get; init; }

    /// <summary>The journal with its last entry changed.</summary>
    public ModelJournal With(Func<JournalEntry, JournalEntry> change)
        => this with { Last = change(Last ?? throw new InvalidOperationException($"{Model} has no deployment.")) };

    /// <summary>
    /// The journal as it is on disk: an agent of an earlier version that follows this one reads it and goes on serving what is active.
    /// </summary>
    public ModelJournal Written() => Last is { } last && last.Worded() is { } worded ? this with { Last = worded } : this;

    /// <summary>The journal as it is in memory.</summary>
    public ModelJournal Read() => this with
    {
        Last = Last is { Exactly: { } exactly } last
            ? last with { Phase = exactly.Phase, Failure = exactly.Failure, Exactly = null }
            : Last,
        Replaces = null,
    };

    /// <summary>Digests of the artifacts that the running deployment, the active release and the previous one need.</summary>
    public IEnumerable<string> Needed()
    {
        var deploying = Last is { } last && !Lifecycle.IsFinal(last.Phase) ? last.Artifacts : [];
        ServingRelease?[] serving = [Active, Previous];
        return deploying.Concat(serving.OfType<ServingRelease>().Select(release => release.Variant.Artifact.Sha256));
    }

    /// <summary>The kept release with that digest, or null.</summary>
    public ServingRelease? Kept(string digest)
    {
        if (Active?.Digest == digest) return Active;
        return Previous?.Digest == digest ? Previous : null;
    }
}

/// <summary>One deployment of one model.</summary>
internal sealed record JournalEntry
{
    /// <summary>The desired revision that asked for it.</summary>
    public required long Revision { get; init; }

    /// <summary>Release number.</summary>
    public required int Version { get; init; }

    /// <summary>Which release, by <see cref="DigestOf"/>.</summary>
    public required string Digest { get; init; }

    /// <summary>The phase that was about to begin.</summary>
    public required DeploymentPhase Phase { get; init; }

    /// <summary>When that phase began, by the device's clock.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Why it failed.</summary>
    public DeploymentFailure Failure { get; init; }

    /// <summary>The failure in a sentence.</summary>
    public string Detail { get; init; } = "";

    /// <summary>The variant chosen or being tried.</summary>
    public string? Variant { get; init; }

    /// <summary>What this device measured of that variant.</summary>
    public Scores? Measured { get; init; }

    /// <summary>How fast each variant ran that was validated; null where none was.</summary>
    public IReadOnlyList<VariantTime>? Times { get; init; }

    /// <summary>How often the agent died while the release's own bytes ran.</summary>
    public int Interruptions { get; init; }

    /// <summary>Phase and failure where agents of an earlier version do not know the words; only on disk.</summary>
    public ExactWords? Exactly { get; init; }

    /// <summary>Digests of the artifacts it needs, known once its manifest is trusted.</summary>
    public IReadOnlyList<string> Artifacts { get; init; } = [];

    /// <summary>
    /// The entry in words that 0.2.0 knows, beside those that are meant; null where it knows them. It would set a journal with any other
    /// word aside, and forget by that what serves.
    /// </summary>
    public JournalEntry? Worded()
    {
        var phase = Phase == DeploymentPhase.Holding ? DeploymentPhase.Verifying : Phase;
        var isNew = Failure is DeploymentFailure.GroupFailed or DeploymentFailure.ReleaseWithdrawn;
        var failure = isNew ? DeploymentFailure.Unexpected : Failure;
        if (phase == Phase && failure == Failure) return null;
        return this with { Phase = phase, Failure = failure, Exactly = new ExactWords(Phase, Failure) };
    }

    /// <summary>Names a release by its signed bytes: SHA-256 in lower-case hexadecimal.</summary>
    public static string DigestOf(Assignment assignment) => assignment.Release.Digest();
}

/// <summary>A phase and a failure in the words of this version.</summary>
internal sealed record ExactWords(DeploymentPhase Phase, DeploymentFailure Failure);

/// <summary>A release that was verified, validated and served on this device.</summary>
internal sealed record ServingRelease
{
    /// <summary>Which release, by <see cref="JournalEntry.DigestOf"/>.</summary>
    public required string Digest { get; init; }

    /// <summary>The variant that serves.</summary>
    public required Variant Variant { get; init; }

    /// <summary>The manifest it came with.</summary>
    public required ReleaseManifest Manifest { get; init; }

    /// <summary>What this device measured of it.</summary>
    public Scores? Measured { get; init; }

    /// <summary>What it was switched to together with: when one of them no longer works, all give way. Null when it stood alone.</summary>
    public string? Group { get; init; }

    /// <summary>Release number.</summary>
    [JsonIgnore] public int Version => Manifest.Version;

    /// <summary>The release as the inference host takes it.</summary>
    public ServedModel Served(string path) => new(
        Manifest.Model, Manifest.Version, Variant.Id, path, Variant.Runtime, Manifest.Inputs, Manifest.Outputs,
        Manifest.Classes, Manifest.Task, Manifest.Detection);
}
