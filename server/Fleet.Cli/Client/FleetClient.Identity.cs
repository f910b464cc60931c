using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Client;

/// <summary>The part about who devices are.</summary>
internal sealed partial class FleetClient
{
    public Task<IReadOnlyList<PendingDeviceView>> ListPendingAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/enrollments", Json.IReadOnlyListPendingDeviceView, cancellationToken);

    /// <param name="id">The device that waits.</param>
    /// <param name="verb"><c>approve</c> or <c>reject</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<PendingDeviceView> DecideAsync(string id, string verb, CancellationToken cancellationToken)
        => PostAsync($"api/v1/enrollments/{Escape(id)}/{verb}", Json.PendingDeviceView, cancellationToken);

    /// <param name="id">The device.</param>
    /// <param name="verb"><c>revoke</c> or <c>unrevoke</c>.</param>
    /// <param name="serial">One certificate of it; null for the device.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<DeviceView> RevokeDeviceAsync(string id, string verb, string? serial, CancellationToken cancellationToken)
        => PostAsync($"api/v1/devices/{Escape(id)}/{verb}{Query(("serial", serial))}", Json.DeviceView, cancellationToken);

    public Task<DeviceView> AcknowledgeAsync(string id, CancellationToken cancellationToken)
        => PostAsync($"api/v1/devices/{Escape(id)}/acknowledge", Json.DeviceView, cancellationToken);

    public Task<CreateTokenResponse> LetBackAsync(string id, ReenrollRequest request, CancellationToken cancellationToken)
        => PostAsync(
            $"api/v1/devices/{Escape(id)}/reenroll", request, Json.ReenrollRequest, Json.CreateTokenResponse, cancellationToken);

    public Task DecommissionAsync(string id, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"api/v1/devices/{Escape(id)}"), cancellationToken);

    public Task<ServerView> GetServerAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/server", Json.ServerView, cancellationToken);

    public Task<ServerView> MoveServerAsync(ServerAddresses address, CancellationToken cancellationToken)
        => PostAsync("api/v1/server/move", address, Json.ServerAddresses, Json.ServerView, cancellationToken);

    public async Task<ServerView> StayAsync(CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Delete, "api/v1/server/move"), cancellationToken);
        return await ReadAsync(response, Json.ServerView, cancellationToken);
    }
}
