using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.TestKit;

namespace Fleet.Server.Tests;

/// <summary>The server as a process of its own, to be killed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);
    private readonly ChildProcess _process;

    private ServerProcess(ChildProcess process, string folder, Dictionary<string, string> endpoints)
    {
        (_process, Endpoints) = (process, endpoints);
        Http = new HttpClient { BaseAddress = new Uri(endpoints["api"]) };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", File.ReadAllText(Path.Combine(folder, "keys", "operator.key")).Trim());
    }

    /// <summary>What it has written so far.</summary>
    public string Output => _process.Output;

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Processor time it took so far.</summary>
    public TimeSpan Processor
    {
        get
        {
            using var process = Process.GetProcessById(Id);
            return process.TotalProcessorTime;
        }
    }

    public HttpClient Http { get; }

    public IReadOnlyDictionary<string, string> Endpoints { get; }

    public static Task<ServerProcess> StartAsync(string folder, params string[] more)
        => StartAsync(folder, folder, workingFolder: null, more);

    /// <summary>Started as a person does who names the data folder from where they stand.</summary>
    public static Task<ServerProcess> StartWithRelativeFolderAsync(string workingFolder, string name)
        => StartAsync(Path.Combine(workingFolder, name), name, workingFolder, "--Fleet:Workers=0");

    private static async Task<ServerProcess> StartAsync(string folder, string named, string? workingFolder, params string[] more)
    {
        // A killed server leaves its file behind; the next one removes it, but not before it has started.
        var file = Path.Combine(folder, "endpoints.json");
        if (File.Exists(file)) File.Delete(file);
        var process = ChildProcess.Start(Programs.Server,
            [$"--Fleet:DataFolder={named}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", .. more],
            workingFolder: workingFolder);
        try
        {
            await Eventually.TrueAsync("the server listens",
                () => process.HasExited ? throw new InvalidOperationException(process.Output) : File.Exists(file), Deadline);
            return new ServerProcess(
                process, folder, JsonSerializer.Deserialize<Dictionary<string, string>>(await File.ReadAllTextAsync(file))!);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends it as a power cut would.</summary>
    public Task KillAsync()
    {
        _process.Kill();
        return _process.WaitForExitAsync(Deadline);
    }

    public async Task<HttpResponseMessage> PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await Http.PostAsync(new Uri(path, UriKind.Relative), content);
    }

    public async Task<RolloutView> RolloutAsync(string id)
        => JsonSerializer.Deserialize(
            await Http.GetStringAsync(new Uri($"/api/v1/rollouts/{id}", UriKind.Relative)), FleetJson.Default.RolloutView)!;

    /// <summary>All devices of a rollout, page after page.</summary>
    public async Task<IReadOnlyList<DeviceRolloutView>> RolloutDevicesAsync(string id)
    {
        var devices = new List<DeviceRolloutView>();
        for (string? path = $"/api/v1/rollouts/{id}/devices?limit=1000"; path is not null;)
        {
            using var answer = await Http.GetAsync(new Uri(path, UriKind.Relative));
            devices.AddRange((await answer.Content.ReadFromJsonAsync(FleetJson.Default.IReadOnlyListDeviceRolloutView))!);
            path = answer.Headers.TryGetValues("Link", out var links) ? links.Single()[1..].Split('>')[0] : null;
        }
        return devices;
    }

    public ValueTask DisposeAsync()
    {
        Http.Dispose();
        return _process.DisposeAsync();
    }
}
