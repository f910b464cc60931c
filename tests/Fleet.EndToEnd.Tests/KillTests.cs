using System.Net;
using System.Net.Http.Json;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>kill -9 of each program in the middle of its work; the others are real and go on.</summary>
[Collection(nameof(OneFleet))]
public sealed class KillTests(FleetFixture fleet)
{
    [Fact]
    public void Build_whose_worker_was_killed_in_the_middle_is_finished_by_another()
    {
        Assert.Equal("worker-1", fleet.AtTheKill.Worker);
        Assert.Equal(1, fleet.AtTheKill.Attempts);
        Assert.Equal((2, "worker-2"), (fleet.Build.Attempts, fleet.Build.Worker));
    }

    [Theory]
    [InlineData(DeploymentPhase.Downloading)]
    [InlineData(DeploymentPhase.Verifying)]
    [InlineData(DeploymentPhase.Validating)]
    [InlineData(DeploymentPhase.Activating)]
    [InlineData(DeploymentPhase.Watching)]
    public async Task Agent_killed_when_it_has_come_to_a_phase_serves_the_release_after_its_restart(DeploymentPhase phase)
    {
        var name = $"kill-{phase.ToString().ToLowerInvariant()}";
        // A slow network makes the download last long enough to be killed in.
        await using var network = new TcpFaultProxy("localhost", fleet.Server.Devices.Port);
        await using var agent = await fleet.AgentAsync(name, name, new Uri($"https://localhost:{network.Port}"));
        var release = await fleet.ReleaseAsync(name);
        network.Delay = phase == DeploymentPhase.Downloading ? TimeSpan.FromMilliseconds(500) : TimeSpan.Zero;
        var rollout = await fleet.Server.StartRolloutAsync(Plan(name, release.Version, 1));
        await agent.ReachesAsync(name, phase);
        await agent.KillAsync();
        Assert.NotEqual(DeploymentPhase.Active, agent.Journal(name)!.Value.Phase);

        network.Delay = TimeSpan.Zero;
        agent.Start();
        await fleet.Server.RolloutEndsAsync(rollout.Id, RolloutStatus.Succeeded);
        var model = Assert.Single((await fleet.Server.DeviceAsync(name)).Models);
        Assert.True(model is { Phase: DeploymentPhase.Active, ActiveVersion: 1, ActiveVariant: "x64-int8" }, $"{model}\n{agent.Output}");
        Assert.NotNull(model.Measured?.Latency);
    }

    [Fact]
    public async Task Server_killed_in_the_middle_of_a_wave_goes_on_where_it_was_and_devices_serve_meanwhile()
    {
        await using var first = await fleet.AgentAsync("wave", "wave-1");
        await using var second = await fleet.AgentAsync("wave", "wave-2");
        var release = await fleet.ReleaseAsync("wave");
        var rollout = await fleet.Server.StartRolloutAsync(Plan("wave", release.Version, 1, 2));
        var told = await Eventually.ValueAsync("one of the devices was told", () => Task.FromResult(
            ((RunningAgent[])[first, second]).FirstOrDefault(agent => agent.Journal("wave") is not null)));
        // What it needs is on its disk; from here on it does without the server.
        await told.ReachesAsync("wave", DeploymentPhase.Validating);
        await fleet.Server.KillAsync();

        await told.ReachesAsync("wave", DeploymentPhase.Active);
        Assert.Equal(HttpStatusCode.OK, await InferAsync(told));
        var waiting = told == first ? second : first;
        Assert.Null(waiting.Journal("wave"));

        await fleet.Server.StartAsync();
        var ended = await fleet.Server.RolloutEndsAsync(rollout.Id, RolloutStatus.Succeeded);
        Assert.Equal([told.Id, waiting.Id], ended.Devices.OrderBy(device => device.Wave).Select(device => device.Device.Value));
        Assert.Equal(HttpStatusCode.OK, await InferAsync(waiting));
        // Telemetry of the time without a server arrives as well.
        await Eventually.TrueAsync("the inference served while the server was away was counted", async () => (await fleet.Server.GetAsync(
            $"/api/v1/telemetry?device={told.Id}&model=wave", Contracts.FleetJson.Default.IReadOnlyListTelemetryView))
                .Any(view => view.Count >= 1));
    }

    private static RolloutPlan Plan(string name, int version, params int[] waves) => new()
    {
        Model = name,
        Version = version,
        Filter = $"label.test={name}",
        Waves = [.. waves.Select(count => new WavePlan { Count = count })],
        MaximumFailureRate = 0,
    };

    private static async Task<HttpStatusCode> InferAsync(RunningAgent agent)
    {
        using var http = new HttpClient();
        var request = new
        {
            inputs = new[] { new { name = "input", datatype = "FP32", shape = new[] { 1, 1, 1024 }, data = new float[1024] } },
        };
        using var response = await http.PostAsJsonAsync(new Uri(await agent.InferenceAsync(), "/v2/models/wave/infer"), request);
        return response.StatusCode;
    }
}
