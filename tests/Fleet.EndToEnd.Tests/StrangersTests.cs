using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>The protocol spoken by programs nobody here wrote: a device made of openssl, curl and mosquitto.</summary>
[Collection(nameof(OneFleet))]
public sealed class StrangersTests(FleetFixture fleet) : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Device_made_of_openssl_curl_and_mosquitto_enrolls_reports_is_told_and_is_kept_to_its_topics()
    {
        const string Id = "stranger-1";
        await EnrollAsync(Id);

        // Told what it should run, as soon as it subscribes; nothing is retained.
        var desired = await MosquittoAsync("mosquitto_sub", Id, $"fleet/v1/{Id}/desired", "-C", "1", "-W", "30");
        Assert.True(desired.Code == 0, desired.Output);
        Assert.Empty(JsonSerializer.Deserialize(desired.Output.Split('\n')[^1], FleetJson.Default.DesiredState)!.Assignments);

        // Heard.
        await PublishAsync(Id, "reported", JsonSerializer.Serialize(
            new ReportedState { Revision = 0, Facts = new DeviceFacts { Architecture = "arm64", Processor = "a stranger" }, Models = [] },
            FleetJson.Default.ReportedState));
        var device = await fleet.Server.DeviceAsync(Id);
        Assert.Equal(("a stranger", "arm-cpu"), (device.Facts.Processor, device.Profile));

        // Measured; the acknowledgement means stored, and a repeated batch is stored once.
        var now = DateTimeOffset.UtcNow;
        var batch = JsonSerializer.Serialize(
            new TelemetryBatch
            {
                Sequence = 1,
                From = now.AddSeconds(-10),
                To = now,
                Models = [new InferenceStats { Model = "m", Version = 1, Variant = "v", Count = 7 }],
            }, FleetJson.Default.TelemetryBatch);
        await PublishAsync(Id, "telemetry", batch);
        await PublishAsync(Id, "telemetry", batch);
        var telemetry = Assert.Single(
            await fleet.Server.GetAsync($"/api/v1/telemetry?device={Id}", FleetJson.Default.IReadOnlyListTelemetryView));
        Assert.Equal((7, 1), (telemetry.Count, telemetry.Batches));

        // Kept to its own. mosquitto_pub ends with 0 even then, so its words are read.
        var foreign = await MosquittoAsync("mosquitto_pub", Id, "fleet/v1/stranger-10/telemetry", "-m", batch);
        Assert.Contains("Not authorized", foreign.Output, StringComparison.OrdinalIgnoreCase);
        foreach (var topic in (string[])["#", "fleet/v1/+/desired", "fleet/v1/stranger-10/desired"])
        {
            var listening = await MosquittoAsync("mosquitto_sub", Id, topic, "-C", "1", "-W", "5");
            Assert.Contains("All subscription requests were denied", listening.Output, StringComparison.Ordinal);
        }

        // Under the name of another, not even connected.
        var impostor = await MosquittoAsync("mosquitto_pub", "stranger-10", $"fleet/v1/{Id}/telemetry", "-m", batch);
        Assert.NotEqual(0, impostor.Code);

        // Revoked, nothing is left.
        using (var revoked = await fleet.Server.SendAsync(HttpMethod.Post, $"/api/v1/devices/{Id}/revoke", null))
            revoked.EnsureSuccessStatusCode();
        Assert.NotEqual(0, (await MosquittoAsync("mosquitto_pub", Id, $"fleet/v1/{Id}/telemetry", "-m", batch)).Code);
    }

    [Fact]
    public async Task Artifact_is_fetched_in_two_parts_by_curl_and_only_with_a_certificate()
    {
        const string Id = "stranger-2";
        await EnrollAsync(Id, "x64");
        var release = await fleet.ReleaseAsync("stranger");
        var artifact = release.Variants[0].Artifact;
        var url = new Uri(fleet.Server.Devices, $"/artifacts/{artifact.Sha256}").ToString();
        string[] identity = ["--cert", _folder["device.pem"], "--key", _folder["device.key"]];

        // Nobody's business until it is told to run it.
        var early = await ChildProcess.RunAsync(
            "curl", ["-sS", "-f", "--cacert", _folder["ca.pem"], .. identity, "-o", _folder["early"], url], Limit);
        Assert.NotEqual(0, early.Code);
        await fleet.Server.StartRolloutAsync(new RolloutPlan
        {
            Model = release.Model,
            Version = release.Version,
            Filter = $"id={Id}",
            Waves = [new WavePlan { Percent = 100 }],
        });
        await Eventually.TrueAsync("the device is assigned the release",
            async () => (await fleet.Server.DeviceAsync(Id)).DesiredRevision > 0, Limit);

        await CurlAsync([.. identity, "-r", "0-999", "-o", _folder["model"], url]);
        Assert.Equal(1000, new FileInfo(_folder["model"]).Length);
        await CurlAsync([.. identity, "-C", "-", "-o", _folder["model"], url]);
        Assert.Equal(artifact.Sha256,
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(_folder["model"]))));

        var nobody = await ChildProcess.RunAsync("curl", ["-sS", "-f", "--cacert", _folder["ca.pem"], "-o", _folder["stolen"], url], Limit);
        Assert.NotEqual(0, nobody.Code);
        Assert.False(File.Exists(_folder["stolen"]) && new FileInfo(_folder["stolen"]).Length > 0);
    }

    /// <summary>Enrolls as PROTOCOL.md says: the CA is known by the token's fingerprint, the key is made here.</summary>
    private async Task EnrollAsync(string id, string architecture = "arm64")
    {
        var token = await fleet.Server.TokenAsync("strangers", uses: 1);
        var script = $$"""
            set -eu
            cd "$FOLDER"
            openssl s_client -connect "$SERVER" -showcerts </dev/null 2>/dev/null \
              | awk '/BEGIN CERT/{n++} n{print > ("chain" n ".pem")}  /END CERT/{}' 
            for file in chain*.pem; do
              openssl x509 -in "$file" -out candidate.pem
              found=$(openssl x509 -in candidate.pem -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)
              if [ "$found" = "$(echo "$TOKEN" | cut -d. -f4)" ]; then mv candidate.pem ca.pem; fi
            done
            test -e ca.pem
            openssl ecparam -name prime256v1 -genkey -noout -out device.key
            openssl req -new -key device.key -subj /CN=ignored -out device.csr
            """;
        await ShellAsync(script, token);
        var request = new EnrollRequest(
            token, DeviceId.Parse(id), await File.ReadAllTextAsync(_folder["device.csr"]), new DeviceFacts { Architecture = architecture });
        await File.WriteAllTextAsync(_folder["enroll.json"], JsonSerializer.Serialize(request, FleetJson.Default.EnrollRequest));
        await CurlAsync([
            "-H", "Content-Type: application/json", "--data-binary", "@" + _folder["enroll.json"], "-o", _folder["enrolled.json"],
            new Uri(fleet.Server.Devices, "/enroll").ToString(),
        ]);
        var response = JsonSerializer.Deserialize(await File.ReadAllTextAsync(_folder["enrolled.json"]), FleetJson.Default.EnrollResponse)!;
        await File.WriteAllTextAsync(_folder["device.pem"], response.Certificate);
        Assert.Equal(fleet.Server.Mqtt, response.Mqtt);
    }

    private async Task ShellAsync(string script, string token)
    {
        var done = await ChildProcess.RunAsync("/bin/sh", ["-c", script], Limit, new Dictionary<string, string?>
        {
            ["FOLDER"] = _folder.Path,
            ["SERVER"] = fleet.Server.Devices.Authority,
            ["TOKEN"] = token,
        });
        Assert.True(done.Code == 0, done.Output);
    }

    private async Task CurlAsync(string[] arguments)
    {
        var done = await ChildProcess.RunAsync("curl", ["-sS", "--fail-with-body", "--cacert", _folder["ca.pem"], .. arguments], Limit);
        Assert.True(done.Code == 0, done.Output);
    }

    private async Task PublishAsync(string id, string channel, string message)
    {
        var published = await MosquittoAsync("mosquitto_pub", id, $"fleet/v1/{id}/{channel}", "-m", message);
        Assert.True(published.Code == 0 && !published.Output.Contains("failed", StringComparison.OrdinalIgnoreCase), published.Output);
    }

    /// <summary>Runs mosquitto_pub or mosquitto_sub with the certificate of this test's device under a client id.</summary>
    private Task<ProcessResult> MosquittoAsync(string program, string clientId, string topic, params string[] more)
    {
        var (host, port) = fleet.Server.Mqtt.Split(':') is [var name, var number]
            ? (name, number)
            : throw new FormatException(fleet.Server.Mqtt);
        return ChildProcess.RunAsync(program,
        [
            "-V", "5", "-h", host, "-p", port, "-i", clientId, "-q", "1", "-t", topic,
            "--cafile", _folder["ca.pem"], "--cert", _folder["device.pem"], "--key", _folder["device.key"], .. more,
        ], Limit);
    }
}
