using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Server.Hosting;

namespace Fleet.Server.Tests.Devices;

/// <summary>
/// What devices of protocol 1 were promised, over the real ports and the real broker. Their messages are the golden files, which are
/// never edited; a real agent of that protocol goes the same way in <c>Fleet.EndToEnd.Tests.OldAgentTests</c>, where there is one.
/// </summary>
public sealed class ProtocolOneTests : IAsyncLifetime
{
    private const string Model = "vibration";
    private static readonly string[] Phases = ["preflight", "downloading", "verifying", "validating", "activating", "watching", "active"];

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Device_enrolls_deploys_a_classifier_and_reports()
    {
        await using var agent = new ProtocolOneAgent(new Uri(_fleet.Of<ListenAddresses>().Devices), "press-1");
        var identity = await agent.EnrollAsync(await TokenAsync());
        AssertHolds(ProtocolOneAgent.Golden("enroll-response"), identity);
        await agent.ConnectAsync(_fleet.Of<ListenAddresses>().Mqtt);
        await agent.SayAsync("reported", ReportOf(await agent.DesiredAsync(null), null, null));

        var release = await _fleet.ReleaseAsync(Model);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(release));
        var desired = await agent.DesiredAsync(Model);
        AssertHolds(ProtocolOneAgent.Golden("desired-state"), desired);
        var envelope = Assert.Single(ProtocolOneAgent.AssignmentsOf(desired))["release"]!;
        Assert.True(ProtocolOneAgent.IsSigned(envelope, identity));
        var statement = JsonNode.Parse(Convert.FromBase64String((string)envelope["payload"]!))!;
        Assert.Equal(("https://in-toto.io/Statement/v1", "https://fleet.dev/release/v1"),
            ((string?)statement["_type"], (string?)statement["predicateType"]));
        await FetchAsync(agent, statement["predicate"]!["validationSet"]!);
        await FetchAsync(agent, statement["predicate"]!["variants"]![0]!["artifact"]!);

        foreach (var phase in Phases) await agent.SayAsync("reported", ReportOf(desired, phase, phase == "active" ? 1 : null));
        await _fleet.UntilAsync(rollout.Id, "succeeded", view => view.Status == RolloutStatus.Succeeded);

        var device = await ViewAsync(agent.Id);
        Assert.Equal((true, "AMD EPYC", "x64"), (device.Online, device.Facts.Processor, device.Profile));
        var model = Assert.Single(device.Models);
        Assert.Equal((DeploymentPhase.Active, 1, 0.931, 0.995, 500),
            (model.Phase, model.ActiveVersion, model.Measured!.Accuracy, model.Measured.Agreement, model.Measured.Samples));
        Assert.Equal(0.52, model.Measured.Latency!.P95.TotalMilliseconds);
    }

    [Fact]
    public async Task Batch_of_telemetry_is_json_is_stored_once_and_is_exported_as_it_came()
    {
        await using var agent = new ProtocolOneAgent(new Uri(_fleet.Of<ListenAddresses>().Devices), "press-2");
        await agent.EnrollAsync(await TokenAsync());
        await agent.ConnectAsync(_fleet.Of<ListenAddresses>().Mqtt);
        var batch = ProtocolOneAgent.Golden("telemetry-batch");
        var now = _fleet.Clock.GetUtcNow();
        // Finer than a millisecond, as a clock of .NET has it.
        (batch["from"], batch["to"]) = (now.AddSeconds(-10).AddTicks(3), now.AddTicks(7));
        for (var n = 0; n < 2; n++) await agent.SayAsync("telemetry", batch);

        var views = JsonSerializer.Deserialize(
            await _fleet.Http.GetStringAsync(new Uri("/api/v1/telemetry?device=press-2", UriKind.Relative)),
            FleetJson.Default.IReadOnlyListTelemetryView)!;
        var view = Assert.Single(views);
        Assert.Equal((Model, 1, 40L, 1L), (view.Model, view.Batches, view.Count, view.Errors));
        Assert.Equal([33L, 0, 0, 6, 1, 0], view.Classes);
        var line = JsonNode.Parse((await _fleet.Http.GetStringAsync(
            new Uri("/api/v1/telemetry/export?device=press-2", UriKind.Relative))).TrimEnd('\n'))!;
        Assert.True(JsonNode.DeepEquals(batch, line["batch"]), line.ToJsonString());
    }

    [Fact]
    public async Task Certificate_is_renewed_and_the_new_one_connects()
    {
        await using var agent = new ProtocolOneAgent(new Uri(_fleet.Of<ListenAddresses>().Devices), "press-3");
        var first = await agent.EnrollAsync(await TokenAsync());
        var second = await agent.RenewAsync();
        AssertHolds(ProtocolOneAgent.Golden("enroll-response"), second);
        Assert.NotEqual((string?)first["certificate"], (string?)second["certificate"]);
        await agent.ConnectAsync(_fleet.Of<ListenAddresses>().Mqtt);
        Assert.Empty(ProtocolOneAgent.AssignmentsOf(await agent.DesiredAsync(null)));
    }

    [Fact]
    public async Task Release_that_it_could_not_judge_is_kept_from_it_with_the_reason()
    {
        await using var agent = new ProtocolOneAgent(new Uri(_fleet.Of<ListenAddresses>().Devices), "press-4");
        await agent.EnrollAsync(await TokenAsync());
        await agent.ConnectAsync(_fleet.Of<ListenAddresses>().Mqtt);
        await agent.SayAsync("reported", ReportOf(await agent.DesiredAsync(null), null, null));
        var release = await _fleet.ReleaseAsync(
            TestFleet.SpecOf(Model) with { Gate = new GateSpec { Thresholds = [Threshold.Of(Metric.Agreement, 0)] } });

        var refused = (await _fleet.Orders.StartAsync(TestFleet.PlanOf(release), "tester", default)).Problem!;

        Assert.Contains("The device speaks protocol 1", $"{refused.Title} {string.Join(' ', refused.Problems)}", StringComparison.Ordinal);
    }

    private async Task<DeviceView> ViewAsync(string device) => JsonSerializer.Deserialize(
        await _fleet.Http.GetStringAsync(new Uri($"/api/v1/devices/{device}", UriKind.Relative)), FleetJson.Default.DeviceView)!;

    private async Task<string> TokenAsync()
    {
        using var body = new StringContent("""{"uses":1,"validFor":"01:00:00"}""", Encoding.UTF8, "application/json");
        using var answer = await _fleet.Http.PostAsync(new Uri("/api/v1/tokens", UriKind.Relative), body);
        return JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(), FleetJson.Default.CreateTokenResponse)!.Token;
    }

    /// <summary>Its report as it was agreed, of one phase, or of a device that runs nothing yet.</summary>
    private static JsonNode ReportOf(JsonNode desired, string? phase, int? active)
    {
        var report = ProtocolOneAgent.Golden("reported-state");
        report["revision"] = (long)desired["revision"]!;
        if (phase is null)
        {
            report["models"] = new JsonArray();
            return report;
        }
        var model = report["models"]![0]!.AsObject();
        (model["version"], model["phase"], model["failure"]) = (1, phase, "none");
        foreach (var absent in (string[])["detail", "previousVersion"]) model.Remove(absent);
        if (active is null) (model["activeVersion"], model["activeVariant"]) = (null, null);
        else model["activeVersion"] = active;
        if (phase is "preflight" or "downloading" or "verifying") model.Remove("measured");
        return report;
    }

    private static async Task FetchAsync(ProtocolOneAgent agent, JsonNode artifact)
    {
        var digest = (string)artifact["sha256"]!;
        var (status, whole) = await agent.FetchAsync(digest, 0);
        Assert.Equal((HttpStatusCode.OK, digest, (long)artifact["bytes"]!),
            (status, Convert.ToHexStringLower(SHA256.HashData(whole)), whole.Length));
        // A download that was cut goes on where it was.
        var (partial, rest) = await agent.FetchAsync(digest, 100);
        Assert.Equal(HttpStatusCode.PartialContent, partial);
        Assert.Equal(whole[100..], rest);
    }

    /// <summary>Every field that was agreed is there, in the kind that was agreed. More may be: a reader ignores it.</summary>
    private static void AssertHolds(JsonNode agreed, JsonNode? said, string at = "$")
    {
        Assert.True(said?.GetValueKind() == agreed.GetValueKind(), $"{at} is {said?.ToJsonString() ?? "absent"}");
        if (agreed is JsonObject fields)
        {
            foreach (var (name, field) in fields) AssertHolds(field!, said![name], $"{at}.{name}");
        }
        if (agreed is JsonArray { Count: > 0 } list) AssertHolds(list[0]!, said!.AsArray().FirstOrDefault(), $"{at}[0]");
    }
}
