using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Platform;
using Fleet.Server.Certificates;
using Fleet.Server.Keys;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Storm;

/// <summary>What a storm showed.</summary>
internal sealed record StormReport
{
    /// <summary>Devices that had the order when the server was killed.</summary>
    public required int ToldBefore { get; init; }

    /// <summary>How long nobody listened.</summary>
    public required TimeSpan Down { get; init; }

    /// <summary>When each device was told its newest order by the second server, from the moment it listened; ascending.</summary>
    public required IReadOnlyList<TimeSpan> Converged { get; init; }

    /// <summary>Orders that a device did not take.</summary>
    public required IReadOnlyList<OrderFault> Faults { get; init; }

    /// <summary>The server's processor time until all had connected for the first time, its start included.</summary>
    public required TimeSpan FirstProcessor { get; init; }

    /// <summary>The same of the second server, its start left out, until all were back and had reported.</summary>
    public required TimeSpan Processor { get; init; }

    /// <summary>Most resident memory of the second server, in bytes.</summary>
    public required long Memory { get; init; }

    /// <summary>Why tries to connect failed after the kill, and how often.</summary>
    public required IReadOnlyDictionary<string, int> Failures { get; init; }

    /// <summary>Lines of the second server's log that are no mere information.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The rollout as the second server showed it when all were back.</summary>
    public required RolloutView Rollout { get; init; }

    /// <summary>The revisions that devices should be at afterwards, by the store.</summary>
    public required IReadOnlyList<long> Revisions { get; init; }
}

/// <summary>
/// The server is a process, the devices are real connections: TLS with certificates, then MQTT. A rollout begins while one in twenty is
/// away; the server is killed while it tells the others, and started again. All come back with the agent's own back-off.
/// </summary>
internal sealed class ReconnectStorm : IAsyncDisposable
{
    private const int OneInAway = 20;
    private const int AtOnceBefore = 50;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(8);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(20);

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, int> _failures = new();
    private readonly List<Task> _running = [];
    private readonly TestFleet _fleet;
    private StormDevice[] _devices = [];

    private ReconnectStorm(TestFleet fleet) => _fleet = fleet;

    /// <summary>Runs one with so many devices.</summary>
    public static async Task<StormReport> RunAsync(int devices)
    {
        await using var fleet = await TestFleet.StartAsync();
        await using var storm = new ReconnectStorm(fleet);
        return await storm.RunWithAsync(devices);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var device in _devices) device.Dispose();
        _stop.Dispose();
    }

    private async Task<StormReport> RunWithAsync(int devices)
    {
        await _fleet.EnrollAsync(devices);
        var plan = JsonSerializer.Serialize(TestFleet.PlanOf(await _fleet.ReleaseAsync()), FleetJson.Default.RolloutPlan);
        _devices = Devices(devices);
        StormReport? report = null;
        await _fleet.LendAsync(async () => report = await KillAndReturnAsync(plan));
        var revisions = new List<long>();
        foreach (var device in _devices) revisions.Add((await _fleet.DesiredAsync(device.Id)).Revision);
        return report! with { Revisions = revisions };
    }

    private StormDevice[] Devices(int count)
    {
        var keys = _fleet.Of<FleetKeys>();
        var ground = new StormGround(
            keys.Root, keys.Roots[^1].Digest(), reason => _failures.AddOrUpdate(reason, 1, (_, times) => times + 1));
        var authority = _fleet.Of<CertificateAuthority>();
        return [
            .. Enumerable.Range(0, count).Select(i => StormDevice.Of(DeviceId.Parse($"dev-{i:00000}"), authority, ground, new Random(i))),
        ];
    }

    private async Task<StormReport> KillAndReturnAsync(string plan)
    {
        string id, mqtt;
        TimeSpan firstProcessor, down;
        int toldBefore;
        await using (var first = await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0"))
        {
            mqtt = first.Endpoints["mqtt"];
            _running.Add(PingAsync());
            var here = _devices.Where((_, i) => i % OneInAway != 0).ToArray();
            foreach (var part in here.Chunk(AtOnceBefore))
            {
                Connect(part, mqtt);
                await Eventually.TrueAsync("devices connect", () => part.All(device => device.Messages > 0), Deadline, Evidence);
            }
            firstProcessor = first.Processor;
            using var answer = await first.PostAsync("/api/v1/rollouts", plan);
            id = (await answer.Content.ReadFromJsonAsync(FleetJson.Default.RolloutView))!.Id;
            await Eventually.TrueAsync(
                "half of them are told", () => here.Count(device => device.Revision > 0) >= here.Length / 2, Deadline, Evidence);
            await first.KillAsync();
            toldBefore = here.Count(device => device.Revision > 0);
        }
        _failures.Clear();
        var killed = DateTimeOffset.UtcNow;
        await using var second = await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0", $"--Fleet:MqttPort={PortOf(mqtt)}");
        var listening = DateTimeOffset.UtcNow;
        down = listening - killed;
        var before = second.Processor;
        // Those that were away come back too, and find an order that they missed.
        Connect(_devices.Where((_, i) => i % OneInAway == 0), mqtt);
        await Eventually.TrueAsync(
            "all are told their newest order and are heard",
            () => _devices.All(device => device is { Revision: 1, Version: 1, IsHeard: true } && device.ToldAt > killed), Deadline,
            Evidence);
        var processor = second.Processor - before;
        RolloutView? view = null;
        await Eventually.TrueAsync("what they said counts", async () => (await second.RolloutDevicesAsync(id)).All(
            device => device.Phase == DeploymentPhase.Downloading), Deadline, Evidence);
        view = await second.RolloutAsync(id);
        return new StormReport
        {
            ToldBefore = toldBefore,
            Down = down,
            Converged = [.. _devices.Select(device => device.ToldAt - listening).Order()],
            Faults = [.. _devices.Select(device => device.Fault).Where(fault => fault != OrderFault.None)],
            FirstProcessor = firstProcessor,
            Processor = processor,
            Memory = ProcessMemory.PeakResident(second.Id) ?? 0,
            Failures = new Dictionary<string, int>(_failures),
            Warnings = [.. second.Output.Split('\n').Where(line => line.Contains(" WARNING ") || line.Contains(" ERROR "))],
            Rollout = view!,
            Revisions = [],
        };
    }

    private void Connect(IEnumerable<StormDevice> devices, string mqtt)
    {
        var host = mqtt[..mqtt.LastIndexOf(':')];
        foreach (var device in devices)
            _running.Add(Task.Run(() => device.RunAsync(host, PortOf(mqtt), _stop.Token)));
    }

    private async Task PingAsync()
    {
        using var timer = new PeriodicTimer(PingInterval);
        while (await timer.WaitForNextTickAsync(_stop.Token))
            foreach (var device in _devices) await device.PingAsync(_stop.Token);
    }

    private string Evidence() => string.Create(
        CultureInfo.InvariantCulture,
        $"{_devices.Count(device => device.Messages > 0)} were told something, {_devices.Count(device => device.Revision > 0)} have the "
            + $"order, {_devices.Count(device => device.IsHeard)} are connected and heard; failures: "
            + $"{string.Join(", ", _failures.Select(each => $"{each.Key} ({each.Value})"))}");

    private static int PortOf(string mqtt) => int.Parse(mqtt[(mqtt.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture);
}
