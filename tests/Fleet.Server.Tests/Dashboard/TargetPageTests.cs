using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Server.Tests.Dashboard;

public sealed class TargetPageTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Targets_show_how_far_their_devices_are_which_they_do_not_reach_and_which_are_held_apart()
    {
        await _fleet.EnrollAsync(3);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        await _fleet.SucceedAsync(rollout.Id);
        await _fleet.ReleaseAsync();
        using var pinned = await _fleet.Http.PutAsJsonAsync(
            new Uri("/api/v1/pins/dev-00001/speech", UriKind.Relative), new SetPinRequest(2), FleetJson.Default.SetPinRequest);
        pinned.EnsureSuccessStatusCode();

        var page = await _fleet.Http.GetStringAsync(new Uri("/targets", UriKind.Relative));
        Assert.Contains("2 of 2", page, StringComparison.Ordinal);
        Assert.Contains("1 not: The device is pinned to release 2.", page, StringComparison.Ordinal);
        Assert.Contains($"href=\"/rollouts/{rollout.Id}\"", page, StringComparison.Ordinal);
        Assert.Matches("<td>speech 2</td>", page);
        var view = Assert.Single((await _fleet.Http.GetFromJsonAsync(
            new Uri("/api/v1/targets", UriKind.Relative), FleetJson.Default.IReadOnlyListTargetView))!);
        Assert.Equal((2, 1), (view.Devices, view.Pinned));
    }

    [Theory]
    [InlineData("BERLIN", true, false, false)]
    [InlineData("vision", false, true, true)]
    [InlineData("dev-00001", false, false, true)]
    [InlineData("vision 1", false, true, true)]
    [InlineData("%3Cscript%3E", false, false, false)]
    [InlineData("", true, true, true)]
    public async Task Box_finds_targets_and_pins_by_their_names_models_and_labels(string find, bool berlin, bool vision, bool pin)
    {
        await _fleet.EnrollAsync(2, labels: new Dictionary<string, string> { ["site"] = "berlin" });
        foreach (var (model, filter) in new[] { ("speech", "label.site=berlin"), ("vision", "") })
        {
            using var set = await _fleet.Http.PutAsJsonAsync(
                new Uri($"/api/v1/targets/{model}", UriKind.Relative),
                new SetTargetRequest { Model = model, Version = (await _fleet.ReleaseAsync(model)).Version, Filter = filter },
                FleetJson.Default.SetTargetRequest);
            set.EnsureSuccessStatusCode();
        }
        using var pinned = await _fleet.Http.PutAsJsonAsync(
            new Uri("/api/v1/pins/dev-00001/vision", UriKind.Relative), new SetPinRequest(1), FleetJson.Default.SetPinRequest);
        pinned.EnsureSuccessStatusCode();

        var page = await _fleet.Http.GetStringAsync(new Uri($"/targets?find={find}", UriKind.Relative));
        Assert.Equal((berlin, vision, pin), (
            page.Contains("<td>speech</td>", StringComparison.Ordinal), page.Contains("<td>vision</td>", StringComparison.Ordinal),
            page.Contains("href=\"/devices/dev-00001\"", StringComparison.Ordinal)));
        Assert.DoesNotContain("value=\"<script>", page, StringComparison.Ordinal);
    }
}
