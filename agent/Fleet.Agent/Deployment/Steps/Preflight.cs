using Fleet.Agent.Enrollment;
using Fleet.Agent.Orders;
using Fleet.Agent.Shelf;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Checks signature, version, profile, memory and disk before the first byte is fetched.</summary>
internal sealed class Preflight(
    DeviceCredentials credentials, TrustedTime trusted, WithdrawnReleases withdrawn, DeviceFacts facts, ArtifactShelf shelf,
    ShelfOptions options) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Preflight;

    /// <inheritdoc/>
    public Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken) => Task.FromResult(Check(attempt));

    private StepResult Check(Attempt attempt)
    {
        if (withdrawn.Find(attempt.Digest) is { } gone)
            return new StepResult(attempt, DeploymentFailure.ReleaseWithdrawn, gone.Sentence());
        var (assignment, journal) = (attempt.Assignment, attempt.Journal);
        // An operator who goes back on purpose may name any release that a trusted key signed. One that this device verified before and
        // still keeps has proven itself here: neither its age nor its figures are judged again. Nothing else may be older than the
        // largest version seen.
        var kept = assignment.Rollback && journal.Kept(attempt.Digest) is { } held && shelf.Has(held.Variant.Artifact) ? held : null;
        var verdict = ReleaseVerifier.Verify(
            assignment.Release, credentials.Identity.ReleaseKeys, kept is null ? trusted.Latest() : DateTimeOffset.MinValue,
            assignment.Model, assignment.Rollback ? 1 : Math.Max(1, journal.LargestTrusted));
        if (verdict.Manifest is not { } manifest) return new StepResult(attempt, FailureOf(verdict.Fault), verdict.Reason);
        if (manifest.Version != assignment.Version)
        {
            var detail = $"The assignment names release {assignment.Version}, its manifest release {manifest.Version}.";
            return new StepResult(attempt, DeploymentFailure.ManifestMalformed, detail);
        }
        trusted.Advance(manifest.CreatedAt);
        attempt = attempt with
        {
            Manifest = manifest,
            Kept = kept,
            Candidates = kept is null ? [] : [kept.Variant],
            Journal = journal with { LargestTrusted = Math.Max(journal.LargestTrusted, manifest.Version) },
        };
        var chosen = kept is null ? ChooseCandidates(attempt) : new StepResult(attempt);
        return chosen.Failure == DeploymentFailure.None ? CheckDisk(chosen.Attempt) : chosen;
    }

    /// <summary>The variants of this device's profile that fit its memory.</summary>
    private StepResult ChooseCandidates(Attempt attempt)
    {
        var manifest = attempt.Manifest;
        if (ProfileOf(facts, manifest) is not { } own)
        {
            var detail = $"No profile matches this device ({facts.Architecture}); declare one with --profile at enrollment.";
            return new StepResult(attempt, DeploymentFailure.ProfileMismatch, detail);
        }
        if (manifest.ProfileFor(facts) is not { } profile)
        {
            var found = string.Join(", ", manifest.Variants.Select(variant => variant.Profile).Distinct());
            var detail = $"The release has no variant for profile {own} (it has {found}).";
            return new StepResult(attempt, DeploymentFailure.ProfileMismatch, detail);
        }
        var ofProfile = manifest.Variants.Where(variant => variant.Profile == profile).ToArray();
        var fitting = ofProfile.Where(FitsMemory).ToArray();
        if (fitting.Length > 0) return new StepResult(attempt with { Candidates = fitting });
        var least = ofProfile.Min(variant => variant.Expected.PeakMemoryBytes);
        return new StepResult(
            attempt,
            DeploymentFailure.MemoryExceeded,
            $"The smallest variant needed {least >> 20:N0} MiB on the server; this device has {facts.MemoryBytes >> 20:N0} MiB.");
    }

    private StepResult CheckDisk(Attempt attempt)
    {
        var missing = attempt.Artifacts().Sum(artifact => artifact.Bytes - shelf.BytesOf(artifact));
        var free = shelf.FreeBytes();
        if (missing == 0 || missing + options.ReservedBytes <= free) return new StepResult(attempt);
        return new StepResult(
            attempt,
            DeploymentFailure.DiskFull,
            $"{missing:N0} bytes must be fetched and {options.ReservedBytes:N0} stay reserved, but the disk has only {free:N0} free.");
    }

    /// <summary>The profile that was declared for this device, or the one that its facts match.</summary>
    private static string? ProfileOf(DeviceFacts facts, ReleaseManifest manifest)
        => facts.DeclaredProfile ?? HardwareProfile.For(facts, BuiltInProfiles.All.Concat(manifest.Profiles ?? []))?.Name;

    private bool FitsMemory(Variant variant) => facts.MemoryBytes == 0 || !(variant.Expected.PeakMemoryBytes > facts.MemoryBytes);

    private static DeploymentFailure FailureOf(ReleaseFault fault) => fault switch
    {
        ReleaseFault.KeyNotTrusted or ReleaseFault.SignatureInvalid => DeploymentFailure.SignatureInvalid,
        ReleaseFault.VersionTooOld => DeploymentFailure.VersionTooOld,
        ReleaseFault.Expired => DeploymentFailure.ReleaseExpired,
        _ => DeploymentFailure.ManifestMalformed,
    };
}
