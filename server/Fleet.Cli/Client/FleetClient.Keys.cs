using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;

namespace Fleet.Cli.Client;

/// <summary>The part about the keys of the fleet.</summary>
internal sealed partial class FleetClient
{
    public Task<KeysView> GetKeysAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/keys", Json.KeysView, cancellationToken);

    public Task<IReadOnlyList<DsseEnvelope>> ListRootsAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/keys/roots", Json.IReadOnlyListDsseEnvelope, cancellationToken);

    public Task<DsseEnvelope> PrepareRootAsync(RootChange change, CancellationToken cancellationToken)
        => PostAsync("api/v1/keys/changes", change, Json.RootChange, Json.DsseEnvelope, cancellationToken);

    public async Task<KeysView> AnchorTimeAsync(CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, "api/v1/keys/time-anchor"), cancellationToken);
        return await ReadAsync(response, Json.KeysView, cancellationToken);
    }

    public Task<KeysView> ApplyRootAsync(DsseEnvelope root, CancellationToken cancellationToken)
        => PostAsync("api/v1/keys/roots", root, Json.DsseEnvelope, Json.KeysView, cancellationToken);
}
