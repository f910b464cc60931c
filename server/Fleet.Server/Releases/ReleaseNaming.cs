using Fleet.Server.Artifacts;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>
/// The artifacts of releases, of withdrawn and expired ones too: such a release may be signed again or returned to, and its report says
/// who measured it.
/// </summary>
internal sealed class ReleaseNaming(IFleetStore store) : IArtifactNaming
{
    /// <inheritdoc/>
    public async Task TellAsync(ArtifactNames names, CancellationToken cancellationToken)
    {
        await foreach (var stored in store.AllAsync<Release>("", cancellationToken))
        {
            var (manifest, by) = (stored.Document.ReadManifest(), $"release {stored.Document.Model} {stored.Document.Version}");
            foreach (var artifact in manifest.Artifacts().DistinctBy(artifact => artifact.Sha256))
                names.Use(artifact.Sha256, by, artifact.Name);
            if (manifest.Measured is { } measured) names.Use(measured.Report, by, "report.json");
        }
        // What devices may fetch is kept, whatever became of the release.
        await foreach (var published in store.AllAsync<PublishedArtifact>("", cancellationToken))
        {
            if (names.UsesOf(published.Id) is null) names.Use(published.Id, "a release", published.Document.Name);
        }
    }
}
