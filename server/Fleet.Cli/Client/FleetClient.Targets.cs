using Fleet.Contracts.Http;

namespace Fleet.Cli.Client;

/// <summary>The part that asks for standing targets and pins.</summary>
internal sealed partial class FleetClient
{
    public Task<IReadOnlyList<TargetView>> ListTargetsAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/targets", Json.IReadOnlyListTargetView, cancellationToken);

    public Task<TargetView> GetTargetAsync(string name, CancellationToken cancellationToken)
        => GetAsync($"api/v1/targets/{Escape(name)}", Json.TargetView, cancellationToken);

    public Task SetTargetAsync(string name, SetTargetRequest request, CancellationToken cancellationToken)
        => SendAsync(Request(HttpMethod.Put, $"api/v1/targets/{Escape(name)}", request, Json.SetTargetRequest), cancellationToken);

    public Task RemoveTargetAsync(string name, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"api/v1/targets/{Escape(name)}"), cancellationToken);

    public Task<IReadOnlyList<StrangerView>> ListStrangersAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/strangers", Json.IReadOnlyListStrangerView, cancellationToken);

    public Task AdoptAsync(string device, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/v1/strangers/{Escape(device)}/adopt"), cancellationToken);

    public Task<IReadOnlyList<PinView>> ListPinsAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/pins", Json.IReadOnlyListPinView, cancellationToken);

    public Task PinAsync(string device, string model, int version, CancellationToken cancellationToken)
        => SendAsync(
            Request(HttpMethod.Put, $"api/v1/pins/{Escape(device)}/{Escape(model)}", new SetPinRequest(version), Json.SetPinRequest),
            cancellationToken);

    public Task UnpinAsync(string device, string model, CancellationToken cancellationToken)
        => SendAsync(
            new HttpRequestMessage(HttpMethod.Delete, $"api/v1/pins/{Escape(device)}/{Escape(model)}"), cancellationToken);
}
