using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;

namespace Fleet.Modeling.Worker;

/// <summary>The server's API as a worker uses it. Each call is one request; who calls decides whether to try again.</summary>
internal sealed partial class FleetServer : IDisposable
{
    private static readonly TimeSpan RequestTime = TimeSpan.FromSeconds(30);

    /// <summary>A large model over a slow line, not a stuck one.</summary>
    private static readonly TimeSpan UploadTime = TimeSpan.FromMinutes(30);

    private readonly HttpClient _http;

    public FleetServer(WorkerOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(10),
            // A proxy of the environment leads to others, never to this machine.
            UseProxy = !options.Server.IsLoopback,
        };
        if (options.CertificateAuthority is { } authority)
        {
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            policy.CustomTrustStore.ImportFromPemFile(authority);
            handler.SslOptions.CertificateChainPolicy = policy;
        }
        _http = new HttpClient(handler) { BaseAddress = options.Server, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(options.KeyFile).Trim());
    }

    /// <summary>Asks for a build; null when none waits.</summary>
    public async Task<LeaseResponse?> LeaseAsync(string worker, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Post, "api/v1/worker/leases",
            Json(new LeaseRequest(worker), FleetJson.Default.LeaseRequest), RequestTime, cancellationToken);
        return response.StatusCode == HttpStatusCode.NoContent
            ? null
            : await response.Content.ReadFromJsonAsync(FleetJson.Default.LeaseResponse, cancellationToken);
    }

    /// <summary>Sends progress, which renews the lease.</summary>
    public Task ProgressAsync(string build, ProgressRequest request, CancellationToken cancellationToken)
        => PostAsync($"api/v1/worker/builds/{build}/progress", Json(request, FleetJson.Default.ProgressRequest), cancellationToken);

    /// <summary>Ends the build with its result.</summary>
    public Task CompleteAsync(string build, CompleteRequest request, CancellationToken cancellationToken)
        => PostAsync($"api/v1/worker/builds/{build}/complete", Json(request, FleetJson.Default.CompleteRequest), cancellationToken);

    /// <summary>Ends the build with the reason it failed.</summary>
    public Task FailAsync(string build, FailRequest request, CancellationToken cancellationToken)
        => PostAsync($"api/v1/worker/builds/{build}/fail", Json(request, FleetJson.Default.FailRequest), cancellationToken);

    /// <summary>Has the device of the build time files that were uploaded, or asks how far it is.</summary>
    public async Task<TimingView> TimeAsync(string build, TimingRequest request, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Post, $"api/v1/worker/builds/{build}/timings",
            Json(request, FleetJson.Default.TimingRequest), RequestTime, cancellationToken);
        return (await response.Content.ReadFromJsonAsync(FleetJson.Default.TimingView, cancellationToken))!;
    }

    /// <summary>Uploads a file under its digest.</summary>
    public async Task UploadAsync(ArtifactReference artifact, string path, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(path);
        var content = new StreamContent(file);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var response = await SendAsync(
            HttpMethod.Put, $"api/v1/worker/artifacts/{artifact.Sha256}", content, UploadTime, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();
}
