using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>Which artifacts devices may fetch: those that a release names.</summary>
internal static class ReleaseArtifacts
{
    /// <summary>The changes that let devices fetch what a release names.</summary>
    public static async Task<IReadOnlyList<StoreChange>> NewArtifactsAsync(
        this IFleetStore store, ReleaseManifest manifest, CancellationToken cancellationToken)
    {
        var changes = new List<StoreChange>();
        foreach (var artifact in manifest.Artifacts().DistinctBy(artifact => artifact.Sha256))
        {
            if (await store.FindAsync<PublishedArtifact>(artifact.Sha256, cancellationToken) is null)
                changes.Add(StoreChange.Create(artifact.Sha256, new PublishedArtifact(artifact.Name, artifact.Bytes)));
        }
        return changes;
    }
}
