using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Builds;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>Signs the accepted variants of a build as the next release of its model.</summary>
internal sealed partial class Publisher(
    IFleetStore store, KnownProfiles profiles, ArtifactStore artifacts, FleetKeys keys, SigningClock clock,
    TimeProvider time, ILogger<Publisher> logger)
{
    /// <summary>
    /// How long a release is newly trusted unless asked otherwise: long enough for a device on a shelf, short enough that a key
    /// stolen from an old backup ages.
    /// </summary>
    private static readonly TimeSpan DefaultValidity = TimeSpan.FromDays(365);
    private static readonly TimeSpan LongestValidity = TimeSpan.FromDays(3650);

    /// <summary>Numbers that devices may be ahead of a restored server.</summary>
    private const int LargestLead = 1000;

    /// <summary>
    /// Publishes a build. Asked again for the same build, it answers with the release that was made, unless that has expired or was
    /// withdrawn.
    /// </summary>
    public async Task<Answer<Release>> PublishAsync(CreateReleaseRequest request, CancellationToken cancellationToken)
    {
        while (true)
        {
            var answer = await DraftAsync(request, cancellationToken);
            if (answer.Value is not var (build, model, manifest, existing)) return answer.Problem!;
            if (existing is not null) return existing;
            if (Sign(manifest) is not var (release, verdict)) return Refusal.Conflict("Nothing was released.", keys.Problems());
            if (!verdict.Trusted) return Refusal.Conflict($"No device would trust this release: {verdict.Reason}");

            List<StoreChange> changes =
            [
                StoreChange.Create(Release.IdOf(release.Model, manifest.Version), release),
                model?.Change(new Model(manifest.Version)) ?? StoreChange.Create(release.Model, new Model(manifest.Version)),
                build.Change(build.Document with { ReleasedVersion = manifest.Version }),
                .. await profiles.ChangesForAsync(manifest.Profiles ?? [], cancellationToken),
                .. await store.NewArtifactsAsync(manifest, cancellationToken),
            ];
            try
            {
                await store.CommitAsync(changes, cancellationToken);
                LogPublished(release.Model, manifest.Version, manifest.Variants.Count, build.Id);
                if (manifest.Profiles is not null) await profiles.ReviewDevicesAsync(cancellationToken);
                return release;
            }
            catch (VersionConflictException)
            {
                // Another release of the model, or of the same build, was faster: decide again from what is stored now.
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>What publishing a build would sign now; nothing is.</summary>
    public async Task<Answer<ReleasePreview>> PreviewAsync(CreateReleaseRequest request, CancellationToken cancellationToken)
    {
        var answer = await DraftAsync(request, cancellationToken);
        return answer.Value is { } draft ? new ReleasePreview(draft.Manifest, draft.Existing is not null) : answer.Problem!;
    }

    /// <summary>What a build leads to, or the release that was made of it.</summary>
    private async Task<Answer<Draft>> DraftAsync(CreateReleaseRequest request, CancellationToken cancellationToken)
    {
        var validFor = request.ValidFor ?? DefaultValidity;
        if (validFor <= TimeSpan.Zero || validFor > LongestValidity)
            return Refusal.Invalid($"validFor {validFor} must be above zero and at most {LongestValidity.Days} days.");
        if (clock.Problem() is { } wrong) return Refusal.Conflict("Nothing is released by a clock that may be wrong.", wrong);
        if (await store.FindAsync<Build>(request.BuildId, cancellationToken) is not { } build)
            return Refusal.Unknown($"There is no build '{request.BuildId}'.");
        if (build.Document.ReportSha256 is not { } reportSha256)
            return Refusal.Conflict(
                $"Build {request.BuildId} is {build.Document.Status.ToWords()}; only a build that succeeded can be released.");
        var model = await store.FindAsync<Model>(build.Document.Spec.Model, cancellationToken);
        if (await ReleaseOfAsync(build.Document, cancellationToken) is { } existing && existing.IsLive(time.GetUtcNow()))
        {
            return request.ValidFor is null || existing.CreatedAt + request.ValidFor == existing.ExpiresAt
                ? new Draft(build, model, existing.ReadManifest(), existing)
                : Refusal.Conflict(
                    $"Build {build.Id} is released as {existing.Model} {existing.Version}, valid until {existing.ExpiresAt:u}. "
                    + "A release never changes: withdraw it first to sign the build again for another time.");
        }

        var report = JsonSerializer.Deserialize(
            await File.ReadAllBytesAsync(artifacts.PathOf(reportSha256), cancellationToken), FleetJson.Default.BuildReport)!;
        var version = await LatestAsync(build.Document.Spec.Model, model?.Document.LatestVersion ?? 0, cancellationToken) + 1;
        var manifest = ReleaseDraft.Of(build.Document, report, version, time.GetUtcNow(), validFor);
        if (manifest.Variants.Count == 0)
            return Refusal.Conflict(
                $"Build {build.Id} has no accepted variant; nothing was released.", ReleaseDraft.ReasonsAgainst(report));
        if (ManifestRules.ProblemsOf(manifest) is { Count: > 0 } problems)
            return Refusal.Conflict($"Build {build.Id} does not make a valid release.", problems);
        if (MissingOf(manifest) is { Count: > 0 } missing)
            return Refusal.Conflict($"Artifacts of build {build.Id} are missing on the server.", missing);
        return new Draft(build, model, manifest, null);
    }

    /// <summary>
    /// The newest number of a model, also of releases that devices were told before this server was restored from a backup. One that no
    /// backup explains is not believed.
    /// </summary>
    private async Task<int> LatestAsync(string model, int stored, CancellationToken cancellationToken)
    {
        var latest = stored;
        await foreach (var desired in store.AllAsync<DeviceDesired>("", cancellationToken))
        {
            var told = desired.Document.Largest?.GetValueOrDefault(model) ?? 0;
            if (told > latest && told - stored <= LargestLead) latest = told;
        }
        if (latest > stored) LogAhead(model, latest, stored);
        return latest;
    }

    /// <summary>The release of a manifest, and what a device would say to it; null without the key.</summary>
    private (Release Release, ReleaseVerdict Verdict)? Sign(ReleaseManifest manifest)
    {
        var statement = JsonSerializer.SerializeToUtf8Bytes(ReleaseStatement.About(manifest), FleetJson.Default.ReleaseStatement);
        if (keys.SignRelease(statement) is not { } envelope) return null;
        // Our own output is judged as a device will judge it, over the bytes it will get: what no device would take is not published.
        var verdict = ReleaseVerifier.Verify(
            JsonSerializer.SerializeToUtf8Bytes(
                envelope, FleetJson.Default.DsseEnvelope), keys.Root.ReleaseKeys(), time.GetUtcNow(), manifest.Model, manifest.Version);
        return (Release.Of(manifest, envelope), verdict);
    }

    private async Task<Release?> ReleaseOfAsync(Build build, CancellationToken cancellationToken) => build.ReleasedVersion is { } version
        ? (await store.FindAsync<Release>(Release.IdOf(build.Spec.Model, version), cancellationToken))?.Document
        : null;

    private List<string> MissingOf(ReleaseManifest manifest)
        => [.. manifest.Artifacts().Where(artifact => artifacts.LengthOf(artifact.Sha256) != artifact.Bytes)
            .Select(artifact => $"{artifact.Name} ({artifact.Sha256}, {artifact.Bytes:#,0} bytes)")];

    /// <summary>What may be signed, read in one look.</summary>
    private sealed record Draft(Stored<Build> Build, Stored<Model>? Model, ReleaseManifest Manifest, Release? Existing);

    [LoggerMessage(LogLevel.Warning,
        "Devices were told releases of {Model} up to {Told}, and {Stored} is the newest stored here: the next number is above")]
    private partial void LogAhead(string model, int told, int stored);

    [LoggerMessage(LogLevel.Information, "Release {Model} {Version} is published from build {Build}; variants: {Variants}")]
    private partial void LogPublished(string model, int version, int variants, string build);
}
