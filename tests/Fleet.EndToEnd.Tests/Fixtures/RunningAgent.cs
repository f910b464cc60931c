using System.Text.Json;
using Fleet.Contracts.State;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests.Fixtures;

/// <summary>A real <c>fleet-agent</c>, enrolled with a token, which can be killed and started again with what it has on disk.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly TemporaryFolder _data = new();
    private ChildProcess? _process;

    private readonly string _program;

    private RunningAgent(string id, string program) => (Id, _program) = (id, program);

    public string Id { get; }

    /// <summary>What it has on disk.</summary>
    public string Folder => _data.Path;

    public string Output => _process!.Output;

    /// <summary>Enrolls a device.</summary>
    public static async Task<RunningAgent> EnrollAsync(Uri server, string token, string id, string program)
    {
        var agent = new RunningAgent(id, program);
        var enrolled = await ChildProcess.RunAsync(
            program, ["enroll", "--server", server.ToString(), "--id", id, "--data", agent._data.Path], Limit,
            new Dictionary<string, string?> { ["FLEET_TOKEN"] = token });
        Assert.True(enrolled.Code == 0, enrolled.Output);
        return agent;
    }

    /// <summary>Starts it, or starts it again.</summary>
    public void Start() => _process = ChildProcess.Start(_program,
    [
        "run", "--data", _data.Path, "--inference-port", "0", "--telemetry-interval", "00:00:01",
        "--set", "Deployment:WatchPeriod=00:00:03", "--set", "Logging:LogLevel:Default=Debug",
    ]);

    /// <summary>kill -9 of the agent, and of nothing it started.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await Eventually.TrueAsync($"agent {Id} ended", () => _process.HasExited);
        await _process.DisposeAsync();
        _process = null;
    }

    /// <summary>Where the deployment of a model stands by the agent's own journal; null before it began.</summary>
    public (DeploymentPhase Phase, int Version)? Journal(string model)
    {
        var path = _data["journal", model + ".json"];
        if (!File.Exists(path)) return null;
        using var journal = JsonDocument.Parse(File.ReadAllBytes(path));
        return journal.RootElement.TryGetProperty("last", out var last)
            ? (Enum.Parse<DeploymentPhase>(last.GetProperty("phase").GetString()!, ignoreCase: true),
                last.GetProperty("version").GetInt32())
            : null;
    }

    /// <summary>Returns as soon as the deployment has come to a phase or past it.</summary>
    public Task ReachesAsync(string model, DeploymentPhase phase, TimeSpan? deadline = null)
        => Eventually.TrueAsync(
            $"{Id} reached {phase} with {model}", () => Journal(model) is { } at && at.Phase >= phase, deadline ?? Limit, () => Output);

    /// <summary>Address of the local inference endpoint.</summary>
    public async Task<Uri> InferenceAsync() => new(await Eventually.ValueAsync($"the inference host of {Id} listened", () =>
    {
        var path = _data["endpoints.json"];
        if (!File.Exists(path)) return Task.FromResult<string?>(null);
        using var endpoints = JsonDocument.Parse(File.ReadAllBytes(path));
        return Task.FromResult(endpoints.RootElement.GetProperty("inference").GetString());
    }));

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
        _data.Dispose();
    }
}
