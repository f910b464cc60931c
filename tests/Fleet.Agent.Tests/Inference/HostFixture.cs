using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Agent.Inference;
using Fleet.Contracts.Devices;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Inference;

/// <summary>A real inference host with a folder for its models and a client.</summary>
internal sealed class HostFixture : IAsyncDisposable
{
    /// <summary>How long anything may take before a test fails; a busy machine is slow.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly HttpClient _client = new() { Timeout = Deadline };
    private readonly TemporaryFolder _folder = new();

    public HostFixture(InferenceOptions? options = null)
    {
        EndpointsFile = Path.Combine(Folder, "endpoints.json");
        Host = new InferenceHost((options ?? new InferenceOptions()) with { EndpointsFile = EndpointsFile }, TimeProvider.System,
            NullLogger<InferenceHost>.Instance);
    }

    public string Folder => _folder.Path;

    public string EndpointsFile { get; }

    public InferenceHost Host { get; }

    public Task ActivateAsync(string path, int version = 1, string model = "m", params string[] classes)
        => Host.ActivateAsync([Model(path, version, model, classes)], CancellationToken.None);

    public static ServedModel Model(string path, int version = 1, string model = "m", params string[] classes)
        => new(model, version, "x64-fp32", path, new RuntimeSettings(), [], [], classes);

    public async Task<(int Status, JsonNode Body)> GetAsync(string path)
    {
        using var response = await _client.GetAsync(new Uri(Host.Address + path));
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    public async Task<(int Status, JsonNode Body)> InferAsync(string json, string model = "m")
    {
        using var response = await PostAsync(new StringContent(json, Encoding.UTF8, "application/json"), model);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    /// <summary>Asks for predictions of what an application has.</summary>
    public async Task<(int Status, JsonNode Body)> PredictAsync(string json, string model = "m")
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var response = await _client.PostAsync(new Uri($"{Host.Address}/v1/models/{model}:predict"), content);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    public async Task<HttpResponseMessage> PostAsync(HttpContent content, string model = "m")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Host.Address}/v2/models/{model}/infer") { Content = content };
        // As curl does with large bodies: what is too large is refused before it is sent.
        request.Headers.ExpectContinue = content.Headers.ContentLength > 1024 * 1024;
        return await _client.SendAsync(request);
    }

    /// <summary>Waits until the host answers for a model.</summary>
    public Task ServesAsync(string model = "m") => Eventually.TrueAsync($"{model} serves", async () =>
    {
        try
        {
            return Host.Address is not null && (await GetAsync($"/v2/models/{model}/ready")).Status == 200;
        }
        catch (Exception e) when (e is HttpRequestException or UriFormatException)
        {
            return false;
        }
    });

    /// <summary>Sends a signal once.</summary>
    public static void Signal(int processId, int signal) => Assert.Equal(0, Kill(processId, signal));

    /// <summary>
    /// Ends a process by a signal. .NET catches the first of those that mean a crash and restores the default, which the next one meets.
    /// </summary>
    public static Task CrashAsync(int processId, int signal)
        => Eventually.TrueAsync($"process {processId} dies", () => Kill(processId, signal) != 0);

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        _client.Dispose();
        _folder.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
