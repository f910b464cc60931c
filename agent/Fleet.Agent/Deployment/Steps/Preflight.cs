using Fleet.Agent.Enrollment;
using Fleet.Agent.Shelf;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment.Steps;

/// <summary>Signature, version, profile, memory and disk, before the first byte is fetched.</summary>
internal sealed class Preflight(DeviceCredentials credentials, TrustedTime trusted, DeviceFacts facts, ArtifactShelf shelf, ShelfOptions options) : IDeploymentStep
{
    /// <inheritdoc/>
    public DeploymentPhase Phase => DeploymentPhase.Preflight;

    /// <inheritdoc/>
    public Task<StepResult> RunAsync(Attempt attempt, CancellationToken cancellationToken) => Task.FromResult(Check(attempt));

    private StepResult Check(Attempt attempt)
    {
        var (assignment, journal) = (attempt.Assignment, attempt.Journal);
        // Going back is a signed release this device has verified before and still keeps; nothing else may be older than the largest seen.
        var kept = journal.Kept(attempt.Digest) is { } held && shelf.Has(held.Variant.Artifact) ? held : null;
        var backwards = assignment.Rollback && kept is not null;
        var verdict = ReleaseVerifier.Verify(
            assignment.Release, credentials.Identity.ReleaseKeys, backwards ? DateTimeOffset.MinValue : trusted.Latest(),
            assignment.Model, backwards ? 1 : Math.Max(1, journal.LargestTrusted));
        if (verdict.Manifest is not { } manifest) return new StepResult(attempt, FailureOf(verdict.Fault), verdict.Reason);
        if (manifest.Version != assignment.Version)
            return new StepResult(attempt, DeploymentFailure.ManifestMalformed, $"The assignment names release {assignment.Version}, its manifest release {manifest.Version}.");
        trusted.Advance(manifest.CreatedAt);
        attempt = attempt with
        {
            Manifest = manifest,
            Kept = backwards ? kept : null,
            Journal = journal with { LargestTrusted = Math.Max(journal.LargestTrusted, manifest.Version) },
        };

        if (backwards) attempt = attempt with { Candidates = [kept!.Variant] };
        else if (ProfileOf(facts, manifest) is not { } own)
            return new StepResult(attempt, DeploymentFailure.ProfileMismatch, $"No profile matches this device ({facts.Architecture}); declare one with --profile at enrollment.");
        else if (manifest.ProfileFor(facts) is not { } profile)
            return new StepResult(attempt, DeploymentFailure.ProfileMismatch, $"The release has no variant for profile {own} (it has {string.Join(", ", manifest.Variants.Select(variant => variant.Profile).Distinct())}).");
        else if (manifest.Variants.Where(variant => variant.Profile == profile).ToArray() is not { Length: > 0 } ofProfile)
            throw new InvalidOperationException($"Profile {profile} was found among the variants and has none.");
        else if (ofProfile.Where(FitsMemory).ToArray() is not { Length: > 0 } fitting)
            return new StepResult(attempt, DeploymentFailure.MemoryExceeded, $"The smallest variant needed {ofProfile.Min(variant => variant.Expected.PeakMemoryBytes) >> 20} MiB on the server; this device has {facts.MemoryBytes >> 20} MiB.");
        else attempt = attempt with { Candidates = fitting };

        var missing = attempt.Artifacts().Sum(artifact => artifact.Bytes - shelf.BytesOf(artifact));
        var free = shelf.FreeBytes();
        return missing > 0 && missing + options.ReservedBytes > free
            ? new StepResult(attempt, DeploymentFailure.DiskFull, $"{missing} bytes are to be fetched and {options.ReservedBytes} stay reserved; the disk has {free} free.")
            : new StepResult(attempt);
    }

    /// <summary>What this device is by its own word or its facts, whatever a release has for it.</summary>
    private static string? ProfileOf(DeviceFacts facts, ReleaseManifest manifest) => facts.DeclaredProfile ?? HardwareProfile.For(facts, BuiltInProfiles.All.Concat(manifest.Profiles ?? []))?.Name;

    private bool FitsMemory(Variant variant) => facts.MemoryBytes == 0 || !(variant.Expected.PeakMemoryBytes > facts.MemoryBytes);

    private static DeploymentFailure FailureOf(ReleaseFault fault) => fault switch
    {
        ReleaseFault.KeyNotTrusted or ReleaseFault.SignatureInvalid => DeploymentFailure.SignatureInvalid,
        ReleaseFault.VersionTooOld => DeploymentFailure.VersionTooOld,
        ReleaseFault.Expired => DeploymentFailure.ReleaseExpired,
        _ => DeploymentFailure.ManifestMalformed,
    };
}
