using System.Net;
using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>
/// One operator who goes around the second person that every rollout needs (<c>Fleet:RolloutsNeedApproval</c>). Releases 1 and 3 were
/// served; 2 and 4 are signed and were approved by nobody.
/// </summary>
public sealed class SecondPersonAttackTests : IAsyncLifetime
{
    private static readonly DeviceId First = DeviceId.Parse("dev-00000");

    private TestFleet _fleet = null!;
    private string _third = "";

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync("--Fleet:RolloutsNeedApproval=true");
        await _fleet.EnrollAsync(2);
        await _fleet.ReleaseAsync();
        await _fleet.ReleaseAsync();
        await BringAsync(1);
        await _fleet.ReleaseAsync();
        _third = await BringAsync(3);
        await _fleet.ReleaseAsync();
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Theory]
    [InlineData("speech", 4, "")]
    [InlineData("speech", 2, "")]
    [InlineData("mine", 4, "profile=x64")]
    [InlineData("mine", 1, "profile=x64")]
    public async Task Target_is_not_set_to_what_its_devices_never_had(string target, int version, string filter)
    {
        using var refused = await SetAsync(target, version, filter);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        var problem = await RunningServer.ProblemOf(refused);
        Assert.Contains("needs a second person", problem.Title, StringComparison.Ordinal);
        Assert.Contains($"fleet rollouts start --model speech --version {version}", problem.Problems[0], StringComparison.Ordinal);
        Assert.Equal(3, (await _fleet.ToldAsync(First))!.Value.Version);
    }

    [Fact]
    public async Task Target_goes_back_to_what_it_had_and_not_forth_again()
    {
        using var same = await SetAsync("speech", 3);
        Assert.Equal(HttpStatusCode.OK, same.StatusCode);
        using var back = await SetAsync("speech", 1);
        Assert.Equal(HttpStatusCode.OK, back.StatusCode);
        await _fleet.UntilToldAsync(First, 1);
        using var forth = await SetAsync("speech", 3);
        Assert.Equal(HttpStatusCode.Conflict, forth.StatusCode);
    }

    [Fact]
    public async Task Target_of_the_name_of_a_removed_one_has_had_nothing()
    {
        using var removed = await _fleet.Http.DeleteAsync(new Uri("/api/v1/targets/speech", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        using var refused = await SetAsync("speech", 1, "profile=x64");
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
    }

    [Fact]
    public async Task Device_is_pinned_to_what_it_has_or_had_alone()
    {
        foreach (var version in (int[])[4, 2])
        {
            using var refused = await PinAsync(version);
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
            Assert.Contains(
                $"--version {version} --waves 100% --filter id=dev-00000", (await RunningServer.ProblemOf(refused)).Problems[0],
                StringComparison.Ordinal);
        }
        foreach (var version in (int[])[3, 1])
        {
            using var held = await PinAsync(version);
            Assert.Equal(HttpStatusCode.OK, held.StatusCode);
        }
    }

    [Fact]
    public async Task Rollout_is_rolled_back_to_what_was_there_before_alone()
    {
        foreach (var version in (int[])[4, 2])
        {
            using var refused = await BackAsync($"?version={version}");
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
            Assert.Contains("needs a second person", (await RunningServer.ProblemOf(refused)).Title, StringComparison.Ordinal);
        }
        using var back = await BackAsync("?version=1");
        Assert.Equal(HttpStatusCode.OK, back.StatusCode);
        await _fleet.UntilToldAsync(First, 1);
    }

    [Fact]
    public async Task Rollout_is_rolled_back_by_one_person()
    {
        using var back = await BackAsync("");
        Assert.Equal(HttpStatusCode.OK, back.StatusCode);
        await _fleet.UntilToldAsync(First, 1);
    }

    /// <summary>A rollout that a second person approved, and that succeeded.</summary>
    private async Task<string> BringAsync(int version)
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var plan = new RolloutPlan { Model = "speech", Version = version, Waves = [new WavePlan { Percent = 100 }] };
        var rollout = await _fleet.RollOutAsync(plan);
        Assert.Null((await _fleet.Orders.ApproveAsync(rollout.Id, "somebody else", default)).Problem);
        await _fleet.UntilToldAsync(First, version);
        await _fleet.UntilToldAsync(DeviceId.Parse("dev-00001"), version);
        await _fleet.SucceedAsync(rollout.Id);
        return rollout.Id;
    }

    private Task<HttpResponseMessage> SetAsync(string name, int version, string filter = "")
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        return _fleet.Http.PutAsJsonAsync(
            $"/api/v1/targets/{name}",
            new SetTargetRequest { Model = "speech", Version = version, Filter = filter, AllowOlder = true },
            FleetJson.Default.SetTargetRequest);
    }

    private Task<HttpResponseMessage> PinAsync(int version)
        => _fleet.Http.PutAsJsonAsync($"/api/v1/pins/{First}/speech", new SetPinRequest(version), FleetJson.Default.SetPinRequest);

    private Task<HttpResponseMessage> BackAsync(string query)
        => RunningServer.PostAsync(_fleet.Http, $"/api/v1/rollouts/{_third}/rollback{query}", "");
}
