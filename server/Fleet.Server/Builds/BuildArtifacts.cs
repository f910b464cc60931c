using System.Collections.Concurrent;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Storage;

namespace Fleet.Server.Builds;

/// <summary>
/// The artifacts of builds: of one that brought a report the report, its page and all that it names; of one that a worker has begun
/// whatever is uploaded until it ends.
/// </summary>
internal sealed class BuildArtifacts(IFleetStore store, ArtifactStore artifacts) : IArtifactNaming
{
    /// <summary>Between an upload and the end of its build; a report may be lost with the times of what it named still there.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromMinutes(10);

    // Reports never change: each is read once.
    private readonly ConcurrentDictionary<string, IReadOnlyList<ArtifactReference>> _named = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async Task TellAsync(ArtifactNames names, CancellationToken cancellationToken)
    {
        await foreach (var open in store.AllAsync<OpenBuild>("", cancellationToken))
        {
            // One that nobody has begun has nothing; it may wait for a worker for months.
            if (await store.FindAsync<Build>(open.Id, cancellationToken) is { Document: { Attempts: > 0 } begun })
                names.Hold(begun.CreatedAt, null, $"build {open.Id} has begun and not ended");
        }
        await foreach (var stored in store.AllAsync<Build>("", cancellationToken))
        {
            if (stored.Document is not { ReportSha256: { } report } build) continue;
            var by = $"build {stored.Id}";
            names.Use(report, by, "report.json");
            if (build.PageSha256 is { } page) names.Use(page, by, "report.html");
            if (await NamedByAsync(report, cancellationToken) is { } named)
            {
                foreach (var artifact in named) names.Use(artifact.Sha256, by, artifact.Name);
            }
            else
            {
                names.Hold(
                    build.StartedAt ?? build.CreatedAt, (build.FinishedAt ?? build.CreatedAt) + Slack,
                    $"the report of build {stored.Id}, which says what it made, is missing");
            }
        }
    }

    /// <summary>What a report names; null when it is lost.</summary>
    private async Task<IReadOnlyList<ArtifactReference>?> NamedByAsync(string sha256, CancellationToken cancellationToken)
    {
        if (_named.TryGetValue(sha256, out var known)) return known;
        try
        {
            var report = JsonSerializer.Deserialize(
                await File.ReadAllBytesAsync(artifacts.PathOf(sha256), cancellationToken), FleetJson.Default.BuildReport)!;
            return _named[sha256] =
                [.. report.Variants.Select(variant => variant.Artifact).OfType<ArtifactReference>().Append(report.ValidationSet)];
        }
        catch (Exception e) when (e is FileNotFoundException or JsonException)
        {
            return null;
        }
    }
}
