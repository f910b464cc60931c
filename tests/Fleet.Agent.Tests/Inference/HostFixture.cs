using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Agent.Inference;
using Fleet.Contracts.Releases;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Inference;

/// <summary>A real inference host with a folder for its models and a client.</summary>
internal sealed class HostFixture : IAsyncDisposable
{
    /// <summary>How long anything may take before a test fails; a busy machine is slow.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly HttpClient _client = new() { Timeout = Deadline };

    public HostFixture(InferenceOptions? options = null)
    {
        EndpointsFile = Path.Combine(Folder, "endpoints.json");
        Host = new InferenceHost((options ?? new InferenceOptions()) with { EndpointsFile = EndpointsFile }, TimeProvider.System, NullLogger<InferenceHost>.Instance);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("fleet-infer-").FullName;

    public string EndpointsFile { get; }

    public InferenceHost Host { get; }

    public Task ActivateAsync(string path, int version = 1, string model = "m", params string[] classes)
        => Host.ActivateAsync(Model(path, version, model, classes), CancellationToken.None);

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

    public Task<HttpResponseMessage> PostAsync(HttpContent content, string model = "m")
        => _client.PostAsync(new Uri($"{Host.Address}/v2/models/{model}/infer"), content);

    /// <summary>Waits until <paramref name="holds"/>, looking again and again; fails at the deadline.</summary>
    public static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                if (await holds()) return;
            }
            catch (Exception e) when (e is HttpRequestException or InvalidOperationException or UriFormatException)
            {
                // Not yet.
            }
            await timer.WaitForNextTickAsync(deadline.Token);
        }
    }

    /// <summary>Waits until the host answers for a model.</summary>
    public Task ServesAsync(string model = "m") => EventuallyAsync(async () => (await GetAsync($"/v2/models/{model}/ready")).Status == 200);

    public static void Signal(int processId, int signal) => Assert.Equal(0, Kill(processId, signal));

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        _client.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
