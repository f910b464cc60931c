using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Targets;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Devices;

/// <summary>
/// Found in review: one device that said it followed a root of its own made <c>/health</c> answer 503, and a load balancer would have taken
/// the server away from everybody.
/// </summary>
public sealed class HealthReportAttackTests : IAsyncLifetime
{
    private static readonly DeviceId Device = DeviceId.Parse("dev-00000");

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(2);
    }

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task Device_that_says_it_follows_a_root_of_its_own_is_warned_of_by_name_and_the_server_stays_in_service()
    {
        await ReportAsync(new TrustReport { Root = 5, Digest = "5f" });
        var health = await HealthAsync();
        Assert.Equal([new WarnedDevice(Device, "root 5")], Assert.Single(health.Warnings).Devices);
        Assert.Equal(1, health.Warnings[0].Count);
    }

    [Fact]
    public async Task Device_that_goes_on_serving_a_withdrawn_release_is_warned_of_by_name_and_the_server_stays_in_service()
    {
        var first = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        await _fleet.SucceedAsync(first.Id);
        using var withdrawn = await _fleet.Http.PostAsync(new Uri("/api/v1/releases/speech/1/withdraw", UriKind.Relative), null);
        withdrawn.EnsureSuccessStatusCode();
        await Eventually.TrueAsync("the device is told", async () => (await _fleet.DesiredAsync(Device)).Withdrawn is not null);
        await _fleet.AppearAsync(Device, 1);
        Assert.Equal([new WarnedDevice(Device, "speech 1")], Assert.Single((await HealthAsync()).Warnings).Devices);
    }

    /// <summary>Whatever it is about a device that nobody foresaw: it keeps neither the others from their targets nor the server.</summary>
    [Fact]
    public async Task Device_that_cannot_be_told_of_its_target_is_warned_of_by_name_and_all_others_are_told()
    {
        var met = new ConcurrentDictionary<string, bool>();
        await using var server = new RunningServer(services => services.AddSingleton<ITargetMove>(new Stumbling("bad", met)));
        await server.InitializeAsync();
        foreach (var device in (string[])["bad", "good-1", "good-2"]) await server.EnrollAsync(device);
        await Eventually.TrueAsync("the others are met", () => met.ContainsKey("good-1") && met.ContainsKey("good-2"));
        await Eventually.TrueAsync("health names the device", async () =>
            (await HealthAsync(server.Operator)).Warnings is [{ Count: 1, Devices: [{ Device.Value: "bad" }] }]);
    }

    private sealed class Stumbling(string over, ConcurrentDictionary<string, bool> met) : ITargetMove
    {
        public Task MeetAsync(DeviceId device, CancellationToken cancellationToken)
        {
            if (device.Value == over) throw new OverflowException("It says what nobody foresaw.");
            met[device.Value] = true;
            return Task.CompletedTask;
        }

        public Task<DateTimeOffset?> LatestAsync(CancellationToken cancellationToken) => Task.FromResult<DateTimeOffset?>(null);
    }

    private Task ReportAsync(TrustReport trust) => _fleet.ReportAsync(Device, new ReportedState
    {
        Revision = 0,
        Models = [],
        Facts = new DeviceFacts { Architecture = "x64" },
        Trust = trust,
    });

    private Task<HealthResponse> HealthAsync() => HealthAsync(_fleet.Http);

    private static async Task<HealthResponse> HealthAsync(HttpClient http)
    {
        using var answer = await http.GetAsync(new Uri("/health", UriKind.Relative));
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, body);
        var health = JsonSerializer.Deserialize(body, FleetJson.Default.HealthResponse)!;
        Assert.Equal("ok", health.Status);
        Assert.Empty(health.Problems);
        return health;
    }
}
