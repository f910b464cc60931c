using System.Net;
using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Trust;
using Fleet.Contracts.Validation;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>
/// A real agent of protocol 1, and that of 0.2.0, the last of protocol 2, against this server. <c>tests/old-agents.sh</c> builds them from
/// the repository's history; the variables FLEET_OLD_AGENT and FLEET_RELEASED_AGENT name others. Everywhere else
/// <c>Fleet.Server.Tests.Devices.ProtocolOneTests</c> say its messages to the real server.
/// </summary>
[Collection(nameof(OneFleet))]
public sealed class OldAgentTests(FleetFixture fleet)
{
    private const string Absent = "The agents of earlier versions are not built here; tests/old-agents.sh does so.";

    public static bool IsPresent => File.Exists(Program);

    public static bool IsReleasedPresent => File.Exists(Released);

    private static string Released => AgentOf("FLEET_RELEASED_AGENT", "0.2.0");

    private static string Program => AgentOf("FLEET_OLD_AGENT", "protocol-1");

    [Fact(Skip = Absent, SkipUnless = nameof(IsPresent))]
    public async Task Agent_of_protocol_1_enrolls_deploys_a_classifier_and_reports()
    {
        await using var agent = await fleet.AgentAsync("old", "old-1", program: Program);
        var release = await fleet.ReleaseAsync("old");
        Assert.Equal((ModelTask.Classification, 1), (release.TaskOf(), release.MinimumProtocol()));
        await fleet.Server.RolloutEndsAsync(
            (await fleet.Server.StartRolloutAsync(Plan("old", release.Version))).Id, RolloutStatus.Succeeded);
        var model = Assert.Single((await fleet.Server.DeviceAsync("old-1")).Models);
        Assert.True(model is
        {
            Phase: DeploymentPhase.Active, ActiveVersion: 1,
            Measured: { Accuracy: not null, Latency: not null, PeakMemoryBytes: > 0 }
        }, $"{model}\n{agent.Output}");

        using var http = new HttpClient();
        var request = new
        {
            inputs = new[] { new { name = "input", datatype = "FP32", shape = new[] { 1, 1, 1024 }, data = new float[1024] } },
        };
        using var response = await http.PostAsJsonAsync(new Uri(await agent.InferenceAsync(), "/v2/models/old/infer"), request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await Eventually.TrueAsync("its telemetry arrived", async () => (await fleet.Server.GetAsync(
            "/api/v1/telemetry?device=old-1&model=old", FleetJson.Default.IReadOnlyListTelemetryView)).Any(view => view.Count >= 1));
    }

    [Fact(Skip = Absent, SkipUnless = nameof(IsPresent))]
    public async Task Agent_of_protocol_1_is_not_told_of_a_limit_that_it_could_not_judge()
    {
        await using var agent = await fleet.AgentAsync("limited", "old-2", program: Program);
        var release = await fleet.ReleaseAsync(
            "limited", new GateSpec { Thresholds = [Threshold.Of(Metric.Agreement, 0)], ValidationSamples = 20 });
        Assert.Equal(2, release.MinimumProtocol());
        // Until its first report arrives nobody knows what it speaks; that is refused as well, in other words.
        await Eventually.TrueAsync("it is left out by the protocol that it reported", async ()
            => (await Record.ExceptionAsync(() => fleet.Server.StartRolloutAsync(Plan("limited", release.Version))))?
                .Message.Contains("The device speaks protocol 1", StringComparison.Ordinal) == true);
    }

    [Fact(Skip = Absent, SkipUnless = nameof(IsReleasedPresent))]
    public async Task Agent_of_0_2_serves_a_release_and_is_left_out_of_windows_and_of_several_models_together()
    {
        await using var agent = await fleet.AgentAsync("released", "old-3", program: Released);
        foreach (var each in (string[])["released", "released-too"]) await fleet.ReleaseAsync(each);
        await fleet.Server.RolloutEndsAsync((await fleet.Server.StartRolloutAsync(Plan("released", 1))).Id, RolloutStatus.Succeeded);
        var model = Assert.Single((await fleet.Server.DeviceAsync("old-3")).Models);
        Assert.Equal((DeploymentPhase.Active, 1, true), (model.Phase, model.ActiveVersion, model.Receipt is null));

        var window = Plan("released", 1) with { Window = new ActivationWindow(new TimeOnly(2, 0), new TimeOnly(5, 0)) };
        Assert.Contains("does not know of windows", await RefusalOfAsync(window), StringComparison.Ordinal);
        var together = Plan("released", 1) with
        {
            Model = null,
            Version = null,
            Releases = [new PlannedRelease("released", 1), new PlannedRelease("released-too", 1)],
        };
        Assert.Contains("The device speaks protocol 2, and several models together need 3", await RefusalOfAsync(together),
            StringComparison.Ordinal);
    }

    private static string AgentOf(string variable, string name)
        => Environment.GetEnvironmentVariable(variable) ?? Repository.PathOf(".artifacts", "old-agents", name, "fleet-agent");

    private async Task<string> RefusalOfAsync(RolloutPlan plan)
        => (await Record.ExceptionAsync(() => fleet.Server.StartRolloutAsync(plan)))?.Message ?? "nothing";

    private static RolloutPlan Plan(string name, int version) => new()
    {
        Model = name,
        Version = version,
        Filter = $"label.test={name}",
        Waves = [new WavePlan { Count = 1 }],
        MaximumFailureRate = 0,
    };
}
