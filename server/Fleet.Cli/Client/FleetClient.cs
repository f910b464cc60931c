using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Authentication;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Client;

/// <summary>The server's operator API. Every refusal becomes a <see cref="FleetException"/> whose lines a person can act on.</summary>
internal sealed class FleetClient(ServerAddress address, HttpMessageHandler handler) : IDisposable
{
    private const int MaximumTelemetryPage = 500;

    private static readonly FleetJson Json = FleetJson.Default;

    private readonly HttpClient _http = new(handler)
    {
        BaseAddress = address.Url,
        Timeout = TimeSpan.FromSeconds(100),
        DefaultRequestHeaders = { Authorization = address.Key is { } key ? new AuthenticationHeaderValue("Bearer", key) : null },
    };

    public FleetClient(ServerAddress address) : this(address, address.CreateHandler()) { }

    /// <summary>Where it talks to.</summary>
    public ServerAddress Address => address;

    // ---- tokens

    public Task<CreateTokenResponse> CreateTokenAsync(CreateTokenRequest request, CancellationToken cancellationToken)
        => PostAsync("api/v1/tokens", request, Json.CreateTokenRequest, Json.CreateTokenResponse, cancellationToken);

    public Task<IReadOnlyList<TokenView>> ListTokensAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/tokens", Json.IReadOnlyListTokenView, cancellationToken);

    public Task RevokeTokenAsync(string id, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"api/v1/tokens/{Escape(id)}"), cancellationToken);

    // ---- devices

    public Task<IReadOnlyList<DeviceView>> ListDevicesAsync(string filter, string after, int limit, CancellationToken cancellationToken)
        => GetAsync(
            $"api/v1/devices{Query(("filter", filter), ("after", after), ("limit", $"{limit}"))}", Json.IReadOnlyListDeviceView,
            cancellationToken);

    public Task<DeviceView> GetDeviceAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/devices/{Escape(id)}", Json.DeviceView, cancellationToken);

    public Task SetLabelsAsync(string id, SetLabelsRequest request, CancellationToken cancellationToken)
        => SendAsync(Request(HttpMethod.Patch, $"api/v1/devices/{Escape(id)}/labels", request, Json.SetLabelsRequest), cancellationToken);

    public Task RevokeDeviceAsync(string id, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/v1/devices/{Escape(id)}/revoke"), cancellationToken);

    // ---- models and builds

    public Task<IReadOnlyList<ModelView>> ListModelsAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/models", Json.IReadOnlyListModelView, cancellationToken);

    public Task<BuildView> StartBuildAsync(BuildSpec spec, CancellationToken cancellationToken)
        => PostAsync("api/v1/builds", spec, Json.BuildSpec, Json.BuildView, cancellationToken);

    public Task<IReadOnlyList<BuildView>> ListBuildsAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/builds", Json.IReadOnlyListBuildView, cancellationToken);

    public Task<BuildView> GetBuildAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/builds/{Escape(id)}", Json.BuildView, cancellationToken);

    public Task CancelBuildAsync(string id, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/v1/builds/{Escape(id)}/cancel"), cancellationToken);

    public Task<BuildReport> GetReportAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/builds/{Escape(id)}/report", Json.BuildReport, cancellationToken);

    /// <summary>The report as the self-contained page the worker made.</summary>
    public async Task<byte[]> GetReportPageAsync(string id, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, $"builds/{Escape(id)}/report.html"), cancellationToken);
        return await ReadAsync(response, content => content.ReadAsByteArrayAsync(cancellationToken));
    }

    // ---- releases

    public Task<ReleaseView> CreateReleaseAsync(CreateReleaseRequest request, CancellationToken cancellationToken)
        => PostAsync("api/v1/releases", request, Json.CreateReleaseRequest, Json.ReleaseView, cancellationToken);

    public Task<IReadOnlyList<ReleaseView>> ListReleasesAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/releases", Json.IReadOnlyListReleaseView, cancellationToken);

    public Task<ReleaseView> GetReleaseAsync(string model, int version, CancellationToken cancellationToken)
        => GetAsync($"api/v1/releases/{Escape(model)}/{version}", Json.ReleaseView, cancellationToken);

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

    // ---- rollouts

    public Task<RolloutView> StartRolloutAsync(RolloutPlan plan, CancellationToken cancellationToken)
        => PostAsync("api/v1/rollouts", plan, Json.RolloutPlan, Json.RolloutView, cancellationToken);

    public Task<IReadOnlyList<RolloutView>> ListRolloutsAsync(CancellationToken cancellationToken)
        => GetAsync("api/v1/rollouts", Json.IReadOnlyListRolloutView, cancellationToken);

    public Task<RolloutView> GetRolloutAsync(string id, CancellationToken cancellationToken)
        => GetAsync($"api/v1/rollouts/{Escape(id)}", Json.RolloutView, cancellationToken);

    /// <param name="id">The rollout.</param>
    /// <param name="verb"><c>pause</c>, <c>resume</c>, <c>abort</c> or <c>rollback</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task SteerRolloutAsync(string id, string verb, CancellationToken cancellationToken)
        => SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/v1/rollouts/{Escape(id)}/{verb}"), cancellationToken);

    // ---- telemetry and health

    /// <summary>What devices served, page after page until <paramref name="most"/> devices are read.</summary>
    /// <returns>A view for each model and device, and whether devices were left out.</returns>
    public async Task<(IReadOnlyList<TelemetryView> Views, bool IsCut)> GetTelemetryAsync(
        string? device, string? model, DateTimeOffset? since, int most, CancellationToken cancellationToken)
    {
        var views = new List<TelemetryView>();
        string? after = null;
        for (var left = most; ;)
        {
            var limit = Math.Min(left, MaximumTelemetryPage);
            var query = Query(
                ("device", device), ("model", model), ("since", since?.UtcDateTime.ToString("O")), ("after", after),
                ("limit", limit.ToString(CultureInfo.InvariantCulture)));
            using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, $"api/v1/telemetry{query}"), cancellationToken);
            views.AddRange(await ReadAsync(response, Json.IReadOnlyListTelemetryView, cancellationToken));
            // The server says so where it stopped before the end (RFC 8288).
            var goesOn = response.Headers.TryGetValues("Link", out var links)
                && links.Any(link => link.Contains("rel=\"next\"", StringComparison.Ordinal));
            if (!goesOn) return (views, false);
            if ((left -= limit) == 0) return (views, true);
            after = views[^1].Device!.Value.Value;
        }
    }

    /// <summary>What all devices together served, a view for each model.</summary>
    public Task<IReadOnlyList<TelemetryView>> GetFleetTelemetryAsync(
        string? model, DateTimeOffset? since, CancellationToken cancellationToken)
        => GetAsync(
            $"api/v1/telemetry/fleet{Query(("model", model), ("since", since?.UtcDateTime.ToString("O")))}",
            Json.IReadOnlyListTelemetryView, cancellationToken);

    public Task<HealthResponse> GetHealthAsync(CancellationToken cancellationToken)
        => GetAsync("health", Json.HealthResponse, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    // ---- how

    private static string Escape(string segment) => Uri.EscapeDataString(segment);

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var query = new List<string>();
        foreach (var (name, value) in parameters)
        {
            if (value is { Length: > 0 }) query.Add($"{name}={Escape(value)}");
        }
        return query.Count == 0 ? "" : "?" + string.Join('&', query);
    }

    private static HttpRequestMessage Request<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type)
        => new(method, path) { Content = JsonContent.Create(body, type) };

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
        return await ReadAsync(response, type, cancellationToken);
    }

    private async Task<TAnswer> PostAsync<TBody, TAnswer>(
        string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> answerType, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(Request(HttpMethod.Post, path, body, bodyType), cancellationToken);
        return await ReadAsync(response, answerType, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using (request)
        {
            HttpResponseMessage response;
            try
            {
                response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            }
            catch (HttpRequestException e)
            {
                throw Unreachable(e);
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new FleetException(
                    $"The server at {address} did not answer within {_http.Timeout.TotalSeconds:0} s. Look at its log.", e);
            }
            if (response.IsSuccessStatusCode) return response;
            using (response) throw await RefusalAsync(request, response, cancellationToken);
        }
    }

    private FleetException Unreachable(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.SecureConnectionError or HttpRequestError.Unknown when e.InnerException is AuthenticationException
            => new FleetException(
            $"The certificate of {address} is not trusted: {e.InnerException.Message}",
            "Name the server's own CA with --ca FILE (the server keeps it as DATA/ca.pem), and use the host name in its certificate."),
        HttpRequestError.NameResolutionError => new FleetException(
            $"The host of {address} is not known. Name the server with --server URL or {ServerAddress.UrlVariable}."),
        _ => new FleetException(
            $"No Fleet server answers at {address}: {e.InnerException?.Message ?? e.Message}",
            $"Start one with 'fleet-server', or name another with --server URL or {ServerAddress.UrlVariable}."),
    };

    private async Task<FleetException> RefusalAsync(
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var problem = await ReadProblemAsync(response, cancellationToken);
        var status = (int)response.StatusCode;
        List<string> lines = [problem?.Title ?? $"{address} answered {status} {response.ReasonPhrase} to {request.Method} "
            + $"{request.RequestUri?.PathAndQuery}."];
        lines.AddRange(problem?.Problems.Where(line => line != problem.Title) ?? []);
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            lines.Add(address.Key is null
                ? $"No API key was sent: name its file with --key-file FILE or {ServerAddress.KeyFileVariable}. The server keeps the "
                    + $"operator's key in DATA/keys/operator.key."
                : "The API key that was sent is not accepted for this: use the one in the server's DATA/keys/operator.key.");
        }
        return new FleetException(lines) { Status = status };
    }

    private static async Task<ApiProblem?> ReadProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(1024 * 1024, cancellationToken);
            return await response.Content.ReadFromJsonAsync(Json.ApiProblem, cancellationToken);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or HttpRequestException or InvalidOperationException)
        {
            return null; // A proxy's page or an empty body: the status alone has to do.
        }
    }

    private Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        => ReadAsync(response, async content => await content.ReadFromJsonAsync(type, cancellationToken)
            ?? throw new JsonException("The answer is null."));

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, Func<HttpContent, Task<T>> read)
    {
        try
        {
            return await read(response.Content);
        }
        catch (JsonException e)
        {
            throw new FleetException($"{address} sent an answer that this program cannot read: {e.Message} Check that both are of the "
                + $"same version.", e)
            { Status = (int)response.StatusCode };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new FleetException($"The connection to {address} broke off in the middle of an answer: {e.Message}", e);
        }
    }
}
