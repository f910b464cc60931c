using System.Net.Http.Headers;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Client;

/// <summary>The server's operator API. Every refusal becomes a <see cref="FleetException"/> whose lines a person can act on.</summary>
internal sealed partial class FleetClient(ServerAddress address, HttpMessageHandler handler, TimeSpan? timeout = null) : IDisposable
{
    private const int MaximumTelemetryPage = 500;

    private static readonly FleetJson Json = FleetJson.Default;

    private readonly HttpClient _http = new(handler, disposeHandler: timeout is null)
    {
        BaseAddress = address.Url,
        Timeout = timeout ?? TimeSpan.FromSeconds(100),
        DefaultRequestHeaders = { Authorization = address.Key is { } key ? new AuthenticationHeaderValue("Bearer", key) : null },
    };

    public FleetClient(ServerAddress address) : this(address, address.CreateHandler()) { }

    /// <summary>Where it talks to.</summary>
    public ServerAddress Address => address;

    public Task<CreateTokenResponse> CreateTokenAsync(CreateTokenRequest request, CancellationToken cancellationToken)
        => PostAsync("api/v1/tokens", request, Json.CreateTokenRequest, Json.CreateTokenResponse, cancellationToken);

    public Task<IReadOnlyList<TokenView>> ListTokensAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/tokens", Json.IReadOnlyListTokenView, cancellationToken);

    public Task RevokeTokenAsync(string id, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"api/v1/tokens/{Escape(id)}"), cancellationToken);

    /// <summary>Devices by id, at most <paramref name="most"/>, and whether more were left out.</summary>
    public Task<(IReadOnlyList<DeviceView> Devices, bool IsCut)> ListDevicesAsync(
        string filter, int most, CancellationToken cancellationToken)
        => ListAsync($"api/v1/devices{Query(("filter", filter))}", most, Json.IReadOnlyListDeviceView, cancellationToken);

    public Task<DeviceView> GetDeviceAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/devices/{Escape(id)}", Json.DeviceView, cancellationToken);

    public Task SetLabelsAsync(string id, SetLabelsRequest request, CancellationToken cancellationToken)
        => SendAsync(Request(HttpMethod.Patch, $"api/v1/devices/{Escape(id)}/labels", request, Json.SetLabelsRequest), cancellationToken);

    public Task<ReleaseView> CreateReleaseAsync(CreateReleaseRequest request, CancellationToken cancellationToken)
        => PostAsync("api/v1/releases", request, Json.CreateReleaseRequest, Json.ReleaseView, cancellationToken);

    public Task<ReleasePreview> PreviewReleaseAsync(CreateReleaseRequest request, CancellationToken cancellationToken)
        => PostAsync("api/v1/releases/preview", request, Json.CreateReleaseRequest, Json.ReleasePreview, cancellationToken);

    public Task<IReadOnlyList<ReleaseView>> ListReleasesAsync(CancellationToken cancellationToken)
        => ListAsync("api/v1/releases", Json.IReadOnlyListReleaseView, cancellationToken);

    public Task<ReleaseView> GetReleaseAsync(string model, int version, CancellationToken cancellationToken)
        => GetAsync($"api/v1/releases/{Escape(model)}/{version}", Json.ReleaseView, cancellationToken);

    public Task<RolloutView> StartRolloutAsync(RolloutPlan plan, CancellationToken cancellationToken)
        => PostAsync("api/v1/rollouts", plan, Json.RolloutPlan, Json.RolloutView, cancellationToken);

    public Task<RolloutPreview> PreviewRolloutAsync(RolloutPlan plan, CancellationToken cancellationToken)
        => PostAsync("api/v1/rollouts/preview", plan, Json.RolloutPlan, Json.RolloutPreview, cancellationToken);

    /// <summary>The newest rollouts, at most <paramref name="most"/>, and whether older ones were left out.</summary>
    public Task<(IReadOnlyList<RolloutView> Views, bool IsCut)> ListRolloutsAsync(int most, CancellationToken cancellationToken)
        => ListAsync("api/v1/rollouts", most, Json.IReadOnlyListRolloutView, cancellationToken);

    /// <summary>A rollout and the first of its devices.</summary>
    public Task<RolloutView> GetRolloutAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/rollouts/{Escape(id)}", Json.RolloutView, cancellationToken);

    /// <summary>Devices of a rollout by wave and id, at most <paramref name="most"/>, and whether more were left out.</summary>
    /// <param name="id">The rollout.</param>
    /// <param name="status">Only those; null for all.</param>
    /// <param name="most">How many.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<(IReadOnlyList<DeviceRolloutView> Devices, bool IsCut)> ListRolloutDevicesAsync(
        string id, DeviceRolloutStatus? status, int most, CancellationToken cancellationToken)
        => ListAsync(
            $"api/v1/rollouts/{Escape(id)}/devices{Query(("status", status?.ToString()))}", most,
            Json.IReadOnlyListDeviceRolloutView, cancellationToken);

    /// <param name="id">The rollout.</param>
    /// <param name="verb"><c>pause</c>, <c>resume</c>, <c>approve</c>, <c>retry</c> or <c>abort</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task SteerRolloutAsync(string id, string verb, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/v1/rollouts/{Escape(id)}/{verb}"), cancellationToken);

    /// <param name="id">The rollout.</param>
    /// <param name="to">Where its devices go, a release of each of its models; empty for what each served before.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task RollBackAsync(string id, IReadOnlyList<PlannedRelease> to, CancellationToken cancellationToken)
    {
        var query = Query(("releases", string.Join(',', to.Select(release => $"{release.Model}={release.Version}"))));
        return SendAsync(
            new HttpRequestMessage(HttpMethod.Post, $"api/v1/rollouts/{Escape(id)}/rollback{query}"), cancellationToken);
    }

    public Task<HealthResponse> GetHealthAsync(CancellationToken cancellationToken)
        => GetAsync("health", Json.HealthResponse, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();
}
