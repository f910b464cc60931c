using System.Net;
using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Releases;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Targets;

/// <summary>
/// Devices converge to their target whenever they appear or change. Row R23: a device that enrolled after a rollout got no model until
/// somebody started another one.
/// </summary>
public sealed class TargetTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string> Berlin = new() { ["site"] = "berlin" };

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Device_that_enrolls_after_a_rollout_serves_its_release()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        await _fleet.SucceedAsync(rollout.Id);
        await _fleet.EnrollAsync(1, prefix: "new");
        var newcomer = DeviceId.Parse("new-00000");
        await _fleet.AppearAsync(newcomer);
        await _fleet.UntilToldAsync(newcomer, 1);
        await _fleet.AppearAsync(newcomer, 1);

        var target = await TargetAsync("speech");
        Assert.Equal((1, rollout.Id, 3, 3), (target.Version, target.Rollout, target.Devices, target.Serving));
    }

    [Fact]
    public async Task Device_that_enrolls_while_the_server_is_down_is_found_by_the_sweep()
    {
        await SetAsync("speech", (await _fleet.ReleaseAsync()).Version);
        await _fleet.EnrollAsync(1);
        await _fleet.RestartAsync();
        await _fleet.UntilToldAsync(DeviceId.Parse("dev-00000"), 1);
    }

    [Fact]
    public async Task Relabelled_device_gets_what_its_new_labels_say_and_keeps_what_it_has_where_nothing_decides()
    {
        await _fleet.EnrollAsync(1);
        var device = DeviceId.Parse("dev-00000");
        await _fleet.ReleaseAsync();
        await _fleet.ReleaseAsync();
        await SetAsync("paris", 2, "label.site=paris");
        await SetAsync("berlin", 1, "label.site=berlin");
        Assert.Null(await _fleet.ToldAsync(device));

        await LabelAsync(device, "paris");
        await _fleet.UntilToldAsync(device, 2);
        await LabelAsync(device, "berlin");
        await _fleet.UntilToldAsync(device, 1);
        Assert.True((await _fleet.ToldAsync(device))!.Value.Rollback);

        await LabelAsync(device, null);
        await _fleet.AppearAsync(device, 1);
        await ConvergedAsync();
        Assert.Equal(1, (await _fleet.ToldAsync(device))!.Value.Version);
    }

    [Fact]
    public async Task Target_that_is_set_tells_all_its_devices_and_an_older_release_must_be_asked_for()
    {
        await _fleet.EnrollAsync(600, labels: Berlin);
        await _fleet.EnrollAsync(1, prefix: "other");
        await _fleet.ReleaseAsync();
        await _fleet.ReleaseAsync();
        await SetAsync("berlin", 2, "label.site=berlin");
        for (var i = 0; i < 600; i += 100) await _fleet.UntilToldAsync(DeviceId.Parse($"dev-{i:00000}"), 2);
        Assert.Null(await _fleet.ToldAsync(DeviceId.Parse("other-00000")));

        using var refused = await PutAsync("berlin", new SetTargetRequest { Model = "speech", Version = 1, Filter = "label.site=berlin" });
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Contains("allow-older", (await RunningServer.ProblemOf(refused)).Title, StringComparison.Ordinal);
        await SetAsync("berlin", 1, "label.site=berlin", older: true);
        await _fleet.UntilToldAsync(DeviceId.Parse("dev-00599"), 1);
        Assert.True((await _fleet.ToldAsync(DeviceId.Parse("dev-00599")))!.Value.Rollback);
    }

    [Fact]
    public async Task Device_that_could_only_fail_is_left_alone_and_named()
    {
        await _fleet.EnrollAsync(1);
        await _fleet.EnrollAsync(1, "jetson", "jet");
        await _fleet.EnrollAsync(1, prefix: "held");
        await _fleet.ReleaseAsync();
        await _fleet.ReleaseAsync();
        await PinAsync("held-00000", 1);
        await SetAsync("speech", 2);
        await _fleet.UntilToldAsync(DeviceId.Parse("dev-00000"), 2);
        await ConvergedAsync();
        Assert.Null(await _fleet.ToldAsync(DeviceId.Parse("jet-00000")));
        Assert.Equal(1, (await _fleet.ToldAsync(DeviceId.Parse("held-00000")))!.Value.Version);
        Assert.Equal(
            ["The device is pinned to release 1.: held-00000", "The release has no variant for profile jetson.: jet-00000"],
            (await TargetAsync("speech")).Excluded.Select(excluded => $"{excluded.Reason}: {excluded.Examples[0]}"));
    }

    [Fact]
    public async Task Pinned_device_is_left_out_of_a_rollout_and_follows_its_target_once_it_is_let_go()
    {
        await _fleet.EnrollAsync(2);
        var held = DeviceId.Parse("dev-00000");
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        await PinAsync(held.Value, 1);
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var second = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        Assert.Equal("The device is pinned to release 1.", Assert.Single(second.Excluded).Reason);
        await _fleet.SucceedAsync(second.Id);
        await ConvergedAsync();
        Assert.Equal(1, (await _fleet.ToldAsync(held))!.Value.Version);

        using var released = await _fleet.Http.DeleteAsync(new Uri($"/api/v1/pins/{held}/speech", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NoContent, released.StatusCode);
        await _fleet.UntilToldAsync(held, 2);
    }

    [Fact]
    public async Task Newcomers_get_the_former_release_until_the_last_wave_and_join_it()
    {
        await _fleet.EnrollAsync(4);
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%"));
        await _fleet.EnrollAsync(1, prefix: "new");
        var newcomer = DeviceId.Parse("new-00000");
        await _fleet.AppearAsync(newcomer);
        await _fleet.UntilToldAsync(newcomer, 1);
        await _fleet.AppearAsync(newcomer, 1);
        var joined = await _fleet.UntilAsync(rollout.Id, "takes the newcomer", view => view.Waves[1].Total == 3);
        Assert.Equal((DeviceRolloutStatus.Waiting, 2), joined.Devices.Where(device => device.Device == newcomer)
            .Select(device => (device.Status, device.Wave)).Single());

        await _fleet.FinishAsync(rollout.Id);
        await _fleet.UntilAsync(rollout.Id, "opens wave 2", view => view.OpenWave == 2 && view.Waves[1].Running == 3);
        Assert.Equal(2, (await _fleet.ToldAsync(newcomer))!.Value.Version);
        await _fleet.SucceedAsync(rollout.Id);
        Assert.Equal((2, null), ((await TargetAsync("speech")).Version, (await TargetAsync("speech")).Moving));
    }

    [Fact]
    public async Task Newcomer_that_could_not_take_the_release_does_not_join()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%"));
        await _fleet.EnrollAsync(1, "jetson", "jet");
        _fleet.Of<ConvergenceQueue>().ChangedForAll();
        await ConvergedAsync();
        Assert.Equal(2, (await _fleet.ViewAsync(rollout.Id)).Devices.Count);
    }

    [Fact]
    public async Task Device_relabelled_out_of_a_rollout_leaves_without_a_verdict()
    {
        await _fleet.EnrollAsync(3, labels: Berlin);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), filter: "label.site=berlin"));
        await LabelAsync(DeviceId.Parse("dev-00001"), "paris");
        var left = await _fleet.UntilAsync(rollout.Id, "lets one go", view => view.Waves[0].Left == 1);
        Assert.Equal((2, 2, 0), (left.Waves[0].Total - left.Waves[0].Left, left.Waves[0].Running, left.Waves[0].Failed));
        Assert.Equal("The filter no longer selects the device.",
            left.Devices.Single(device => device.Status == DeviceRolloutStatus.Left).Detail);
        await _fleet.SucceedAsync(rollout.Id);
    }

    [Fact]
    public async Task Rollout_that_ends_before_all_devices_keeps_them_and_does_not_move_its_target()
    {
        await _fleet.EnrollAsync(4);
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        var half = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50%"));
        await _fleet.SucceedAsync(half.Id);
        _fleet.Of<ConvergenceQueue>().ChangedForAll();
        await ConvergedAsync();
        var versions = new List<int>();
        for (var i = 0; i < 4; i++) versions.Add((await _fleet.ToldAsync(DeviceId.Parse($"dev-{i:00000}")))!.Value.Version);
        Assert.Equal([1, 1, 2, 2], versions.Order());
        Assert.Equal(1, (await TargetAsync("speech")).Version);
    }

    [Fact]
    public async Task Target_of_higher_priority_keeps_its_devices_out_of_a_rollout()
    {
        await _fleet.EnrollAsync(1, labels: Berlin);
        await _fleet.EnrollAsync(1, prefix: "other");
        await _fleet.ReleaseAsync();
        await SetAsync("berlin", 1, "label.site=berlin", priority: 5);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        Assert.Equal("Target berlin of priority 5 decides for the device.", Assert.Single(rollout.Excluded).Reason);
        await _fleet.SucceedAsync(rollout.Id);
        await ConvergedAsync();
        Assert.Equal(1, (await _fleet.ToldAsync(DeviceId.Parse("dev-00000")))!.Value.Version);
    }

    [Fact]
    public async Task Target_that_a_rollout_moves_is_neither_set_nor_removed()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        using var set = await PutAsync("speech", new SetTargetRequest { Model = "speech", Version = 1 });
        using var removed = await _fleet.Http.DeleteAsync(new Uri("/api/v1/targets/speech", UriKind.Relative));
        Assert.Equal((HttpStatusCode.Conflict, HttpStatusCode.Conflict), (set.StatusCode, removed.StatusCode));
        Assert.Contains(rollout.Id, (await RunningServer.ProblemOf(set)).Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Device_that_rolled_itself_back_is_believed_and_the_next_release_is_told_to_it()
    {
        await _fleet.EnrollAsync(2);
        await _fleet.SucceedAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()))).Id);
        await _fleet.ReleaseAsync();
        await SetAsync("speech", 2);
        var device = DeviceId.Parse("dev-00000");
        await _fleet.UntilToldAsync(device, 2);
        await _fleet.FailAsync(device, serves: 1);
        var revision = (await _fleet.DesiredAsync(device)).Revision;
        await ConvergedAsync();
        Assert.Equal(revision, (await _fleet.DesiredAsync(device)).Revision);
        Assert.Equal((2, 1), ((await TargetAsync("speech")).Devices, (await TargetAsync("speech")).Failed));
        await _fleet.ReleaseAsync();
        await SetAsync("speech", 3);
        await _fleet.UntilToldAsync(device, 3);
    }

    [Fact]
    public async Task Every_problem_of_a_target_is_named_and_a_second_one_for_the_same_devices_is_refused()
    {
        using var wrong = await PutAsync("No", new SetTargetRequest { Model = "No", Version = 1, Filter = "colour=red" });
        Assert.Equal(3, (await RunningServer.ProblemOf(wrong)).Problems.Count);
        await _fleet.ReleaseAsync();
        await SetAsync("one", 1, "label.site=berlin,profile=x64");
        using var second = await PutAsync(
            "two", new SetTargetRequest { Model = "speech", Version = 1, Filter = "profile=x64,label.site=berlin" });
        Assert.Contains("one", (await RunningServer.ProblemOf(second)).Title, StringComparison.Ordinal);
    }

    private async Task SetAsync(string name, int version, string filter = "", int? priority = null, bool older = false)
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        using var answer = await PutAsync(name, new SetTargetRequest
        {
            Model = "speech",
            Version = version,
            Filter = filter,
            Priority = priority,
            AllowOlder = older,
        });
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private Task<HttpResponseMessage> PutAsync(string name, SetTargetRequest request)
        => _fleet.Http.PutAsJsonAsync($"/api/v1/targets/{name}", request, FleetJson.Default.SetTargetRequest);

    private async Task PinAsync(string device, int version)
    {
        using var answer = await _fleet.Http.PutAsJsonAsync(
            $"/api/v1/pins/{device}/speech", new SetPinRequest(version), FleetJson.Default.SetPinRequest);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private async Task<TargetView> TargetAsync(string name)
        => (await _fleet.Http.GetFromJsonAsync($"/api/v1/targets/{name}", FleetJson.Default.TargetView))!;

    private async Task LabelAsync(DeviceId device, string? site)
    {
        using var answer = await _fleet.Http.PatchAsJsonAsync(
            $"/api/v1/devices/{device}/labels", new SetLabelsRequest(new Dictionary<string, string?> { ["site"] = site }),
            FleetJson.Default.SetLabelsRequest);
        Assert.True(answer.IsSuccessStatusCode);
    }

    /// <summary>Awaits that the reconciler has looked at everything asked so far: a device asked last is told last.</summary>
    private async Task ConvergedAsync()
    {
        var release = (await _fleet.Of<Publisher>().PublishAsync(
            new CreateReleaseRequest(await _fleet.BuildAsync("probe", await _fleet.VariantAsync("probe", "jetson")), null),
            default)).Value!;
        var probe = $"probe-{release.Version}";
        await _fleet.EnrollAsync(1, "jetson", probe);
        using var answer = await _fleet.Http.PutAsJsonAsync(
            $"/api/v1/pins/{probe}-00000/probe", new SetPinRequest(release.Version), FleetJson.Default.SetPinRequest);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        await _fleet.UntilToldAsync(DeviceId.Parse($"{probe}-00000"), release.Version, "probe");
    }
}
