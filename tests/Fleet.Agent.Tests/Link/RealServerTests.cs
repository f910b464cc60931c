using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Telemetry;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Link;

/// <summary>The agent against the product's own server, both as processes.</summary>
public sealed class RealServerTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);
    private readonly TemporaryFolder _server = new();
    private readonly TemporaryFolder _agent = new();
    private readonly List<ChildProcess> _processes = [];
    private HttpClient _api = new();
    private string _devices = "";

    public async ValueTask InitializeAsync()
    {
        _processes.Add(ChildProcess.Start(
            Programs.Server,
            [
                $"--Fleet:DataFolder={_server.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0",
                "--Fleet:Workers=0",
            ]));
        await Eventually.TrueAsync("the server listens", () => File.Exists(_server["endpoints.json"]), Deadline);
        var endpoints = JsonNode.Parse(await File.ReadAllTextAsync(_server["endpoints.json"]))!;
        _devices = (string)endpoints["devices"]!;
        _api = new HttpClient { BaseAddress = new Uri((string)endpoints["api"]!) };
        _api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", (await File.ReadAllTextAsync(_server["keys", "operator.key"])).Trim());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes.AsEnumerable().Reverse()) await process.DisposeAsync();
        _api.Dispose();
        _server.Dispose();
        _agent.Dispose();
    }

    [Fact]
    public async Task Device_enrolls_reports_its_facts_and_sends_telemetry()
    {
        var enrolled = await EnrollAsync(await TokenAsync(uses: 1));
        Assert.True(enrolled.Code == 0, enrolled.Output);
        _processes.Add(ChildProcess.Start(
            Programs.Agent, ["run", "--data", _agent.Path, "--inference-port", "0", "--telemetry-interval", "00:00:00.5"]));

        var device = await Eventually.ValueAsync(
            "the server sees the device online with its facts",
            async () => (await _api.GetFromJsonAsync("/api/v1/devices", FleetJson.Default.IReadOnlyListDeviceView))!
                .FirstOrDefault(one => one is { Online: true, LastSeenAt: not null }),
            Deadline);
        Assert.Equal(("dev-1", "x64"), (device.Id.Value, device.Profile));
        Assert.Equal(Agent.Facts.FactsReader.AgentVersion, device.Facts.AgentVersion);
        await Eventually.TrueAsync("batches are stored and leave the device",
            () => File.Exists(Path.Combine(_agent.Path, "telemetry-sequence"))
                && !Directory.EnumerateFiles(Path.Combine(_agent.Path, "outbox")).Skip(3).Any(), Deadline);
        var check = await ChildProcess.RunAsync(Programs.Agent, ["self-check", "--data", _agent.Path], Deadline);
        Assert.True(check.Code == 0, check.Output);
    }

    [Fact]
    public async Task Packs_that_are_too_large_or_refused_are_halved_until_every_good_batch_has_arrived_once()
    {
        const int Refused = 13;
        const int Narrow = 24;
        const int All = 60;
        Assert.Equal(0, (await EnrollAsync(await TokenAsync(uses: 1))).Code);
        var random = new Random(1);
        var start = DateTimeOffset.UtcNow.AddMinutes(-All);
        var outbox = Directory.CreateDirectory(Path.Combine(_agent.Path, "outbox")).FullName;
        var batches = Enumerable.Range(1, All).Select(sequence => new TelemetryBatch
        {
            Sequence = sequence,
            From = start.AddMinutes(sequence - 1),
            To = start.AddMinutes(sequence),
            Models =
            [
                new InferenceStats
                {
                    Model = sequence == Refused ? "Not a name" : "speech",
                    Version = 1,
                    Variant = "x64-int8",
                    Count = sequence,
                    // Nine bytes each that no deflate makes smaller: ten of these batches are beyond the limit of a message.
                    Classes = sequence <= Narrow
                        ? []
                        : [.. Enumerable.Range(0, 1500).Select(_ => random.NextInt64(1L << 33, LatencyHistogram.MaximumCount))],
                },
            ],
        }).ToList();
        Assert.False(TelemetryPack.Fits(TelemetryPack.Encode([.. batches.Skip(Narrow).Take(15)])));
        foreach (var batch in batches)
            await File.WriteAllBytesAsync(Path.Combine(outbox, $"{batch.Sequence:d19}.json"),
                JsonSerializer.SerializeToUtf8Bytes(batch, FleetJson.Default.TelemetryBatch));

        var agent = ChildProcess.Start(
            Programs.Agent, ["run", "--data", _agent.Path, "--inference-port", "0", "--telemetry-interval", "00:10:00"]);
        _processes.Add(agent);
        await Eventually.TrueAsync("nothing waits any more", () => !Directory.EnumerateFiles(outbox).Any(), Deadline, () => agent.Output);

        var exported = (await _api.GetStringAsync("/api/v1/telemetry/export?device=dev-1"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonNode.Parse(line)!["batch"]!.Deserialize(FleetJson.Default.TelemetryBatch)!)
            .OrderBy(batch => batch.Sequence).ToList();
        Assert.Equal(
            batches.Select(batch => batch.Sequence).Where(sequence => sequence != Refused), exported.Select(batch => batch.Sequence));
        Assert.Equal(batches[^1].Models[0].Classes, exported[^1].Models[0].Classes);
        Assert.Contains($"Telemetry batch {Refused} was refused", agent.Output, StringComparison.Ordinal);
        // The pack first, then whichever half holds it: once would mean that it was never in a pack.
        Assert.InRange(_processes[0].Lines.Count(line => line.Contains("message of device dev-1 was refused", StringComparison.Ordinal)),
            2, 8);
    }

    [Fact]
    public async Task Token_that_was_used_up_is_refused_in_the_servers_words()
    {
        var token = await TokenAsync(uses: 1);
        Assert.Equal(0, (await EnrollAsync(token)).Code);
        using var second = new TemporaryFolder();
        var refused = await ChildProcess.RunAsync(
            Programs.Agent, ["enroll", "--server", _devices, "--token", token, "--id", "dev-2", "--data", second.Path], Deadline);
        Assert.Equal(5, refused.Code);
        Assert.Contains("The server refused:", refused.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(second["identity.json"]));
    }

    /// <summary>R16: two agents with one identity threw each other out 53 times a minute, and nobody was told.</summary>
    [Fact]
    public async Task Copied_data_folder_is_named_as_a_clone_and_backs_off()
    {
        Assert.Equal(0, (await EnrollAsync(await TokenAsync(uses: 1))).Code);
        using var copy = new TemporaryFolder();
        File.Copy(Path.Combine(_agent.Path, "identity.json"), copy["identity.json"]);
        foreach (var folder in (string[])[_agent.Path, copy.Path])
            _processes.Add(ChildProcess.Start(Programs.Agent,
                ["run", "--data", folder, "--inference-port", "0", "--set", "Link:MaximumReconnectDelay=00:00:01"]));

        var device = await Eventually.ValueAsync(
            "the device is a suspected clone",
            async () => (await _api.GetFromJsonAsync("/api/v1/devices", FleetJson.Default.IReadOnlyListDeviceView))!
                .FirstOrDefault(one => one.Alarms.Any(alarm => alarm.Kind == "clone")),
            Deadline);
        Assert.Equal("dev-1", device.Id.Value);
        await Eventually.TrueAsync("an agent says so",
            () => _processes[1..].Exists(agent => agent.Output.Contains("took this session over", StringComparison.Ordinal)), Deadline);
        await Eventually.TrueAsync("the server says so",
            () => _processes[0].Output.Contains("Device dev-1 is connected twice", StringComparison.Ordinal), Deadline);
    }

    private Task<ProcessResult> EnrollAsync(string token)
        => ChildProcess.RunAsync(Programs.Agent,
            ["enroll", "--server", _devices, "--token", token, "--id", "dev-1", "--data", _agent.Path, "--profile", "x64"], Deadline);

    private async Task<string> TokenAsync(int uses)
    {
        using var answer = await _api.PostAsJsonAsync(
            "/api/v1/tokens", new CreateTokenRequest(uses, TimeSpan.FromHours(1), null), FleetJson.Default.CreateTokenRequest);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync(FleetJson.Default.CreateTokenResponse))!.Token;
    }
}
