using Fleet.Contracts.Http;

namespace Fleet.Cli.Client;

/// <summary>The part about stored files.</summary>
internal sealed partial class FleetClient
{
    /// <summary>Artifacts by digest, at most <paramref name="most"/>, and whether more were left out.</summary>
    public Task<(IReadOnlyList<ArtifactView> Artifacts, bool IsCut)> ListArtifactsAsync(
        bool unused, int most, CancellationToken cancellationToken)
        => ListAsync(
            $"api/v1/artifacts{Query(("unused", unused ? "true" : null))}", most, Json.IReadOnlyListArtifactView, cancellationToken);

    public Task<SweepView> SweepArtifactsAsync(SweepRequest request, CancellationToken cancellationToken)
        => PostAsync("api/v1/artifacts/sweep", request, Json.SweepRequest, Json.SweepView, cancellationToken);

    /// <summary>The bytes of an artifact, at most <paramref name="maximumBytes"/>.</summary>
    public async Task<byte[]> GetArtifactAsync(string sha256, int maximumBytes, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            new HttpRequestMessage(HttpMethod.Get, $"api/v1/artifacts/{Escape(sha256)}"), cancellationToken);
        return await ReadAsync(response, async content =>
        {
            await content.LoadIntoBufferAsync(maximumBytes, cancellationToken);
            return await content.ReadAsByteArrayAsync(cancellationToken);
        });
    }
}
