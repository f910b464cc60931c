using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Certificates;
using Fleet.Server.Rollouts;
using Fleet.TestKit;
using MQTTnet;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>The server is a process here, and is killed (SIGKILL) in the middle of a wave.</summary>
public sealed class KilledServerTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Server_killed_while_it_tells_a_wave_tells_the_rest_and_nobody_twice()
    {
        const int devices = RolloutMembers.Size * 6;
        await _fleet.EnrollAsync(devices);
        var plan = JsonSerializer.Serialize(TestFleet.PlanOf(await _fleet.ReleaseAsync()), FleetJson.Default.RolloutPlan);
        var id = "";
        await _fleet.LendAsync(async () =>
        {
            await using (var first = await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0"))
            {
                // Killed as soon as the first commit is acknowledged: the rest of the wave was not told yet, or partly.
                using var answer = await first.PostAsync("/api/v1/rollouts", plan);
                Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
                id = (await answer.Content.ReadFromJsonAsync(FleetJson.Default.RolloutView))!.Id;
                await first.KillAsync();
            }
            await using var second = await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0");
            await Eventually.TrueAsync(
                "everyone is told", async () => (await second.RolloutAsync(id)).Waves[0] is { Waiting: 0, Running: devices });
        });

        var view = await _fleet.ViewAsync(id);
        Assert.Equal(devices, view.Devices.Select(device => device.Device).Distinct().Count());
        foreach (var device in view.Devices) Assert.Equal(1, (await _fleet.DesiredAsync(device.Device)).Revision);
        await _fleet.FinishAsync(id);
        await _fleet.UntilAsync(id, "succeeds", rollout => rollout.Status == RolloutStatus.Succeeded);
    }

    [Fact]
    public async Task Report_that_was_acknowledged_counts_after_the_server_was_killed()
    {
        await _fleet.EnrollAsync(4);
        var release = await _fleet.ReleaseAsync();
        var plan = JsonSerializer.Serialize(TestFleet.PlanOf(release, "25% 100%"), FleetJson.Default.RolloutPlan);
        var certificates = Enumerable.Range(0, 4).Select(i => $"dev-{i:00000}").ToDictionary(id => id, CertificateOf);
        await _fleet.LendAsync(async () =>
        {
            string id;
            await using (var first = await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0"))
            {
                using var answer = await first.PostAsync("/api/v1/rollouts", plan);
                var view = (await answer.Content.ReadFromJsonAsync(FleetJson.Default.RolloutView))!;
                id = view.Id;
                await ServeAsync(first, view.Devices.Single(device => device.Wave == 1).Device, certificates);
                // The acknowledgement came, so the report is stored; whether the next wave opened already is the engine's matter.
                await first.KillAsync();
            }
            await using var second = await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0");
            await Eventually.TrueAsync("wave 2 is told",
                async () => (await second.RolloutAsync(id)) is { OpenWave: 2, Waves: [{ Succeeded: 1 }, { Waiting: 0 }] });
            foreach (var device in (await second.RolloutAsync(id)).Devices.Where(device => device.Wave == 2))
                await ServeAsync(second, device.Device, certificates);
            await Eventually.TrueAsync(
                "the rollout succeeds", async () => (await second.RolloutAsync(id)).Status == RolloutStatus.Succeeded);
        });
    }

    /// <summary>A device that connects over MQTT, hears what it should run and says that it does.</summary>
    private static async Task ServeAsync(ServerProcess server, DeviceId device, Dictionary<string, X509Certificate2> certificates)
    {
        var heard = new TaskCompletionSource<DesiredState>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var client = new MqttClientFactory().CreateMqttClient();
        client.ApplicationMessageReceivedAsync += received =>
        {
            heard.TrySetResult(JsonSerializer.Deserialize(
                System.Buffers.BuffersExtensions.ToArray(received.ApplicationMessage.Payload), FleetJson.Default.DesiredState)!);
            return Task.CompletedTask;
        };
        var address = server.Endpoints["mqtt"].Split(':');
        await client.ConnectAsync(new MqttClientOptionsBuilder()
            .WithTcpServer(address[0], int.Parse(address[1], System.Globalization.CultureInfo.InvariantCulture))
            .WithClientId(device.Value)
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithTlsOptions(tls => tls.WithCertificateValidationHandler(_ => true).WithClientCertificates([certificates[device.Value]]))
            .Build());
        await client.SubscribeAsync(Topics.Of(device, Topics.Desired), MqttQualityOfServiceLevel.AtLeastOnce);
        var desired = await heard.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var assignment = Assert.Single(desired.Assignments);
        var variant = JsonSerializer.Deserialize(assignment.Release.Payload, FleetJson.Default.ReleaseStatement)!.Predicate.Variants[0];
        var report = new ReportedState
        {
            // Without receipts: what is tried here is the server's memory.
            Protocol = 1,
            Revision = desired.Revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models =
            [
                new ReportedModel
                {
                    Model = assignment.Model,
                    Version = assignment.Version,
                    Phase = DeploymentPhase.Active,
                    Since = DateTimeOffset.UtcNow,
                    Variant = variant.Id,
                    Measured = TestFleet.Passing(variant.Gate),
                    ActiveVersion = assignment.Version,
                },
            ],
        };
        var acknowledged = await client.PublishAsync(new MqttApplicationMessageBuilder()
            .WithTopic(Topics.Of(device, Topics.Reported))
            .WithPayload(JsonSerializer.SerializeToUtf8Bytes(report, FleetJson.Default.ReportedState))
            .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
            .Build());
        Assert.Equal(MqttClientPublishReasonCode.Success, acknowledged.ReasonCode);
    }

    private X509Certificate2 CertificateOf(string device)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return X509Certificate2.CreateFromPem(
            _fleet.Of<CertificateAuthority>().IssueDevice(DeviceId.Parse(device), new PublicKey(key), TimeSpan.FromDays(1)).Pem,
            key.ExportPkcs8PrivateKeyPem());
    }
}
