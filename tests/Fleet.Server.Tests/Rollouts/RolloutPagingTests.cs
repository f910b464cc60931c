using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>A rollout of many devices is a small document, and its devices are a list in pages: with ten thousand it had 2.5 MB.</summary>
public sealed class RolloutPagingTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    private static string? NextOf(HttpResponseMessage answer)
        => answer.Headers.TryGetValues("Link", out var links) ? links.Single()[1..].Split('>')[0] : null;

    private async Task<(IReadOnlyList<DeviceRolloutView> Devices, string? Next)> PageAsync(string path)
    {
        using var answer = await _fleet.Http.GetAsync(new Uri(path, UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return ((await answer.Content.ReadFromJsonAsync(FleetJson.Default.IReadOnlyListDeviceRolloutView))!, NextOf(answer));
    }

    [Fact]
    public async Task Document_holds_the_first_devices_and_says_how_many_more_and_where()
    {
        await _fleet.EnrollAsync(3000);
        var id = (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "10% 100%"))).Id;
        using var answer = await _fleet.Http.GetAsync(new Uri($"/api/v1/rollouts/{id}", UriKind.Relative));
        var body = await answer.Content.ReadAsStringAsync();
        Assert.InRange(body.Length, 1000, 40_000);
        var view = JsonSerializer.Deserialize(body, FleetJson.Default.RolloutView)!;
        Assert.Equal((100, 2900, 3000), (view.Devices.Count, view.MoreDevices, view.Waves.Sum(wave => wave.Total)));

        var all = view.Devices.ToList();
        for (var next = NextOf(answer); next is not null;)
        {
            (var page, next) = await PageAsync(next);
            Assert.InRange(page.Count, 1, 100);
            all.AddRange(page);
        }
        Assert.Equal(3000, all.Select(device => device.Device).Distinct().Count());
        Assert.Equal(
            all.OrderBy(device => device.Wave).ThenBy(device => device.Device.Value, StringComparer.Ordinal).Select(one => one.Device),
            all.Select(device => device.Device));

        using var paused = await _fleet.Http.PostAsync(new Uri($"/api/v1/rollouts/{id}/pause", UriKind.Relative), null);
        var said = (await paused.Content.ReadFromJsonAsync(FleetJson.Default.RolloutView))!;
        Assert.Equal((RolloutStatus.Paused, 100, 2900), (said.Status, said.Devices.Count, said.MoreDevices));
    }

    [Fact]
    public async Task Pages_miss_no_device_that_moves_on_between_them_and_can_hold_one_status_alone()
    {
        await _fleet.EnrollAsync(30);
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%") with { MaximumFailureRate = 1 };
        var id = (await _fleet.RollOutAsync(plan)).Id;
        await _fleet.UntilAsync(id, "tells the first wave", view => view.Waves[0].Running == 15);
        var (seen, next) = await PageAsync($"/api/v1/rollouts/{id}/devices?limit=10");
        // The first of the next page fails, and its wave goes on to the second.
        var failing = (await PageAsync(next!)).Devices[0].Device;
        await _fleet.FailAsync(failing, serves: null, DeploymentFailure.GateMissed);
        await _fleet.FinishAsync(id);
        await _fleet.UntilAsync(id, "counts them", view => view.Waves[0] is { Failed: 1, Succeeded: 14 });
        var all = seen.ToList();
        while (next is not null)
        {
            (var page, next) = await PageAsync(next);
            all.AddRange(page);
        }
        Assert.Equal(30, all.Select(device => device.Device).Distinct().Count());

        Assert.Equal([failing], (await PageAsync($"/api/v1/rollouts/{id}/devices?status=failed")).Devices.Select(one => one.Device));
        var succeeded = await PageAsync($"/api/v1/rollouts/{id}/devices?status=Succeeded&limit=3");
        Assert.All(succeeded.Devices, device => Assert.Equal(DeviceRolloutStatus.Succeeded, device.Status));
        Assert.Contains("status=Succeeded", succeeded.Next!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("status=3", "status '3' must be waiting, running, succeeded, failed or left.")]
    [InlineData("status=broken", "status 'broken' must be")]
    [InlineData("after=nobody", "after 'nobody' is no device of rollout")]
    [InlineData("limit=1001", "limit 1001 must be within 1..1000.")]
    public async Task Page_that_cannot_be_is_refused(string query, string title)
    {
        await _fleet.EnrollAsync(1);
        var id = (await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id;
        using var answer = await _fleet.Http.GetAsync(new Uri($"/api/v1/rollouts/{id}/devices?{query}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(title, (await RunningServer.ProblemOf(answer)).Title, StringComparison.Ordinal);
    }
}
