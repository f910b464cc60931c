using System.Text.Json.Nodes;
using Fleet.Agent.Disk;
using Fleet.Contracts.State;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Fixtures;

/// <summary>The real agent as a process of its own, with a data folder that outlives it.</summary>
internal sealed class AgentProcess(TestServer server, string device = "dev-1", string? folder = null, uint? user = null)
    : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly TemporaryFolder _folder = new();
    private ChildProcess? _process;

    public DataFolder Data => new(Folder);

    /// <summary>The file of its program.</summary>
    public string Executable { get; init; } = Programs.Agent;

    /// <summary>Environment variables to run it with.</summary>
    public IReadOnlyDictionary<string, string?>? Environment { get; init; }

    private string Folder => folder ?? _folder.Path;

    public ChildProcess Process => _process ?? throw new InvalidOperationException("The agent was not started.");

    public async Task EnrollAsync()
    {
        var result = await RunAsync("enroll", "--server", server.Address.ToString(), "--token", server.Token.Reveal(), "--id", device,
            "--profile", TestRelease.Profile);
        Assert.True(result.Code == 0, result.Output);
    }

    /// <summary>Enrolls it, starts it and has it serve its first release.</summary>
    public async Task ServeAsync(Assignment first)
    {
        await EnrollAsync();
        await server.DesireAsync(device, 1, first);
        Start();
        await server.ReportedAsync(first.Model, first.Version, DeploymentPhase.Active);
    }

    public Task<ProcessResult> RunAsync(string verb, params string[] arguments)
        => ChildProcess.RunAsync(Program, [.. As, verb, "--data", Folder, .. arguments], Deadline);

    /// <summary>Runs a command as the user of this test, whoever the agent runs as.</summary>
    public Task<ProcessResult> RunHereAsync(string verb, params string[] arguments)
        => ChildProcess.RunAsync(Executable, [verb, "--data", Folder, .. arguments], Deadline);

    private string Program => user is null ? Executable : "setpriv";

    private string[] As => user is { } number
        ? ["--reuid", $"{number}", "--regid", $"{number}", "--clear-groups", Executable]
        : [];

    public void Start(params string[] settings)
    {
        string[] all =
        [
            "Deployment:WatchPeriod=00:00:00.2", "Inference:Port=0", "Link:ReconnectDelay=00:00:00.050",
            "Link:MaximumReconnectDelay=00:00:00.5", "Shelf:RetryDelay=00:00:00.050", "Shelf:MaximumRetryDelay=00:00:00.2",
            "Logging:LogLevel:Default=Debug", .. settings,
        ];
        _process = ChildProcess.Start(
            Program, [.. As, "run", "--data", Folder, .. all.SelectMany(setting => (string[])["--set", setting])], Environment);
    }

    /// <summary>Ends it as a power cut would, its children included.</summary>
    public async Task KillAsync()
    {
        Process.Kill();
        await Process.WaitForExitAsync(Deadline);
        await Process.DisposeAsync();
    }

    /// <summary>Ends it in order, as a restart of its service does.</summary>
    public async Task StopAsync()
    {
        Process.Terminate();
        Assert.Equal(0, await Process.WaitForExitAsync(Deadline));
        await Process.DisposeAsync();
    }

    /// <summary>Kills the inference host so often that what it serves is given up.</summary>
    public async Task KillHostAsync(float factor)
    {
        for (var death = 0; death < 3; death++)
        {
            // Killed while it serves: a host that dies before it listens is nobody's fault.
            await ServesAsync(factor);
            await KillHostsAsync();
        }
    }

    /// <summary>Kills the inference host, and what measures a release if something does.</summary>
    public async Task KillHostsAsync()
    {
        foreach (var host in Process.Descendants())
        {
            using var process = System.Diagnostics.Process.GetProcessById(host);
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    /// <summary>Why a model is not found by an application that asks for it; null when it is, or nobody answers.</summary>
    public async Task<string?> NotFoundAsync(string model)
    {
        try
        {
            var address = (string?)JsonNode.Parse(await File.ReadAllTextAsync(Data.Endpoints))!["inference"];
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
            using var answer = await http.GetAsync(new Uri($"{address}/v2/models/{model}"));
            return answer.StatusCode == System.Net.HttpStatusCode.NotFound
                ? (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())?["error"]
                : null;
        }
        catch (Exception e) when (e is IOException or HttpRequestException or System.Text.Json.JsonException)
        {
            return null;
        }
    }

    /// <summary>What the model answers to (1, 2, 3): the factor of the model that serves, or null when none does.</summary>
    public async Task<float?> ServedFactorAsync(string model = "vibration")
    {
        try
        {
            var address = (string?)JsonNode.Parse(await File.ReadAllTextAsync(Data.Endpoints))!["inference"];
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
            using var answer = await http.PostAsync(
                $"{address}/v2/models/{model}/infer",
                new StringContent("""{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]}"""));
            return (float?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())?["outputs"]?[0]?["data"]?[0];
        }
        catch (Exception e) when (e is IOException or HttpRequestException or System.Text.Json.JsonException)
        {
            return null;
        }
    }

    public Task ServesAsync(float factor, string model = "vibration")
        => Eventually.TrueAsync($"{model} serves with factor {factor}", async () => await ServedFactorAsync(model) == factor, Deadline);

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        _folder.Dispose();
    }
}
