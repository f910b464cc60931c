using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Health;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Tests.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Rollouts;

public sealed class RolloutEngineTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Start_tells_the_first_wave_and_only_it()
    {
        await _fleet.EnrollAsync(20);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "25% 100%"));

        var view = await _fleet.ViewAsync(rollout.Id);
        Assert.Equal((5, 15), (view.Waves[0].Running, view.Waves[1].Waiting));
        foreach (var device in view.Devices)
        {
            var desired = await _fleet.DesiredAsync(device.Device);
            Assert.Equal(device.Wave == 1 ? 1 : null, desired.Of("speech")?.Version);
        }
    }

    [Fact]
    public async Task Rollout_goes_wave_by_wave_and_succeeds()
    {
        await _fleet.EnrollAsync(20);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "5% 50% 100%"));
        for (var wave = 1; wave <= 3; wave++)
        {
            await _fleet.UntilAsync(rollout.Id, $"opens wave {wave}", view => view.OpenWave == wave && view.Waves[wave - 1].Waiting == 0);
            await _fleet.FinishAsync(rollout.Id);
        }
        var done = await _fleet.UntilAsync(rollout.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Assert.Equal([1, 9, 10], done.Waves.Select(wave => wave.Succeeded));
        Assert.Null(await _fleet.Store.FindAsync<OpenRollout>("speech", default));
    }

    [Fact]
    public async Task Failed_turn_of_the_engine_is_seen_by_health_and_the_engine_goes_on()
    {
        FailingStore store = null!;
        await using var server = new RunningServer(services =>
        {
            var kept = services.Last(service => service.ServiceType == typeof(IFleetStore));
            services.AddSingleton<IFleetStore>(provider => store = new FailingStore((IFleetStore)kept.ImplementationFactory!(provider)));
        });
        await server.InitializeAsync();
        var wake = server.Services.GetRequiredService<RolloutWake>();
        var health = server.Services.GetRequiredService<ServerHealth>();

        store.FailsToRead = true;
        wake.Set();
        await Eventually.TrueAsync("health tells of the engine",
            () => health.Problems.Any(problem => problem.Contains("rollout engine", StringComparison.Ordinal)));
        store.FailsToRead = false;
        using var nobody = server.ApiAs(null);
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable,
            (await nobody.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);

        wake.Set();
        await Eventually.TrueAsync("the engine recovers", () => health.Problems.Count == 0);
        Assert.Equal(System.Net.HttpStatusCode.OK, (await nobody.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task Wave_larger_than_one_commit_is_told_whole()
    {
        var devices = RolloutMembers.Size * 2 + 7;
        await _fleet.EnrollAsync(devices);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "1% 100%"));
        await _fleet.FinishAsync(rollout.Id);
        await _fleet.UntilAsync(rollout.Id, "tells everyone", view => view.OpenWave == 2 && view.Waves[1].Waiting == 0);
        await _fleet.FinishAsync(rollout.Id);
        var done = await _fleet.UntilAsync(rollout.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Assert.Equal(devices, done.Devices.Select(device => device.Device).Distinct().Count());
    }

    [Fact]
    public async Task Failing_devices_abort_at_the_threshold_and_no_further_device_is_told()
    {
        await _fleet.EnrollAsync(40);
        var rollout = await _fleet.RollOutAsync(
            TestFleet.PlanOf(await _fleet.ReleaseAsync(), "25% 100%") with { MaximumFailureRate = 0.2, MinimumFinished = 5 });
        var devices = await _fleet.RunningAsync(rollout.Id);
        foreach (var device in devices.Take(4)) await _fleet.ReportAsync(device, DeploymentPhase.RolledBack, DeploymentFailure.GateMissed);
        Assert.Equal(RolloutStatus.Running, (await _fleet.ViewAsync(rollout.Id)).Status);
        await _fleet.ReportAsync(devices[4], DeploymentPhase.Active);

        var aborted = await _fleet.UntilAsync(rollout.Id, "aborts", view => view.Status == RolloutStatus.Aborted);
        Assert.Equal("4 of 5 finished devices failed (80%); at most 20% may.", aborted.Reason);
        Assert.Equal(30, aborted.Waves[1].Waiting);
        Assert.Equal(DeploymentFailure.GateMissed, aborted.Devices.First(device => device.Device == devices[0]).Failure);
    }

    [Fact]
    public async Task Silent_devices_fail_at_the_deadline_of_their_phase()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()) with
        {
            PhaseDeadline = TimeSpan.FromMinutes(10),
            MaximumFailureRate = 0.5,
            MinimumFinished = 4,
        });
        var devices = await _fleet.RunningAsync(rollout.Id);
        foreach (var device in devices.Take(2)) await _fleet.ReportAsync(device, DeploymentPhase.Active);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(9));
        await _fleet.ReportAsync(devices[2], DeploymentPhase.Downloading);
        Assert.Equal(0, (await _fleet.ViewAsync(rollout.Id)).Waves[0].Failed);

        // The one that never moved is given up; the one that began to download nine minutes later has nine minutes more.
        _fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        var one = await _fleet.UntilAsync(rollout.Id, "gives one up", view => view.Waves[0].Failed == 1);
        Assert.Equal(DeploymentFailure.Silent, one.Devices.Single(device => device.Device == devices[3]).Failure);
        Assert.Equal(DeviceRolloutStatus.Running, one.Devices.Single(device => device.Device == devices[2]).Status);

        _fleet.Clock.Advance(TimeSpan.FromMinutes(9));
        var done = await _fleet.UntilAsync(rollout.Id, "ends", view => view.Status == RolloutStatus.Succeeded);
        Assert.Equal(2, done.Waves[0].Failed);
    }

    [Fact]
    public async Task Whole_wave_that_says_nothing_aborts()
    {
        await _fleet.EnrollAsync(10);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%"));
        _fleet.Clock.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal(5, (await _fleet.UntilAsync(rollout.Id, "aborts", view => view.Status == RolloutStatus.Aborted)).Waves[0].Failed);
    }

    [Fact]
    public async Task Device_that_was_given_up_and_comes_back_serving_counts()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await _fleet.RollOutAsync(
            TestFleet.PlanOf(await _fleet.ReleaseAsync()) with { MaximumFailureRate = 0.5, SoakTime = TimeSpan.FromHours(1) });
        var devices = await _fleet.RunningAsync(rollout.Id);
        await _fleet.ReportAsync(devices[0], DeploymentPhase.Active);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(15));
        await _fleet.UntilAsync(rollout.Id, "gives one up", view => view.Waves[0].Failed == 1);
        await _fleet.ReportAsync(devices[1], DeploymentPhase.Active);
        Assert.Equal(2, (await _fleet.ViewAsync(rollout.Id)).Waves[0].Succeeded);
    }

    [Fact]
    public async Task Device_that_fails_while_its_wave_soaks_aborts_the_rollout()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await _fleet.RollOutAsync(
            TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%") with { SoakTime = TimeSpan.FromHours(1) });
        await _fleet.FinishAsync(rollout.Id);
        var soaking = await _fleet.UntilAsync(rollout.Id, "finishes wave 1", view => view.Waves[0].FinishedAt is not null);
        Assert.Equal(1, soaking.OpenWave);
        await _fleet.ReportAsync(
            soaking.Devices.First(device => device.Wave == 1).Device, DeploymentPhase.RolledBack, DeploymentFailure.ActivationFailed);
        await _fleet.UntilAsync(rollout.Id, "aborts", view => view.Status == RolloutStatus.Aborted);
    }

    [Fact]
    public async Task Next_wave_opens_when_the_soak_time_is_over()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await _fleet.RollOutAsync(
            TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%") with { SoakTime = TimeSpan.FromHours(1) });
        _fleet.Clock.Advance(TimeSpan.FromMinutes(10));
        await _fleet.FinishAsync(rollout.Id);
        await _fleet.UntilAsync(rollout.Id, "finishes wave 1", view => view.Waves[0].FinishedAt is not null);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(1, (await _fleet.ViewAsync(rollout.Id)).OpenWave);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(1));
        await _fleet.UntilAsync(rollout.Id, "opens wave 2", view => view.OpenWave == 2);
    }

    [Fact]
    public async Task Repeated_and_foreign_reports_change_nothing()
    {
        await _fleet.EnrollAsync(2);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        var device = (await _fleet.RunningAsync(rollout.Id))[0];
        await _fleet.ReportAsync(device, DeploymentPhase.Active, revision: 0); // of before the rollout
        await _fleet.ReportAsync(device, DeploymentPhase.Active, version: 9); // of another release
        await _fleet.ReportAsync(device, DeploymentPhase.Active, model: "vision", version: 1); // of another model
        Assert.Equal(2, (await _fleet.ViewAsync(rollout.Id)).Waves[0].Running);
        for (var i = 0; i < 3; i++) await _fleet.ReportAsync(device, DeploymentPhase.Active);
        Assert.Equal(1, (await _fleet.ViewAsync(rollout.Id)).Waves[0].Succeeded);
    }

    [Fact]
    public async Task Second_rollout_of_a_model_is_refused_by_the_name_of_the_first_and_other_models_go_on()
    {
        await _fleet.EnrollAsync(4);
        var speech = await _fleet.ReleaseAsync();
        var first = await _fleet.RollOutAsync(TestFleet.PlanOf(speech, "50% 100%"));
        var second = await _fleet.Orders.StartAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()), "tester", default);
        Assert.Equal(409, second.Problem!.Status);
        Assert.Contains(first.Id, second.Problem.Title, StringComparison.Ordinal);

        var vision = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync("vision")));
        foreach (var device in await _fleet.RunningAsync(vision.Id))
            await _fleet.ReportAsync(device, DeploymentPhase.Active, model: "vision");
        await _fleet.UntilAsync(vision.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        Assert.Equal(RolloutStatus.Running, (await _fleet.ViewAsync(first.Id)).Status);
    }

    [Fact]
    public async Task Two_operators_who_start_at_once_get_one_rollout()
    {
        await _fleet.EnrollAsync(50);
        var plan = TestFleet.PlanOf(await _fleet.ReleaseAsync());
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => Task.Run(() => _fleet.Orders.StartAsync(plan, "tester", default))));
        Assert.Single(answers, answer => answer.Value is not null);
        Assert.All(answers.Where(answer => answer.Problem is not null), answer => Assert.Equal(409, answer.Problem!.Status));
    }

    [Fact]
    public async Task Devices_that_could_only_fail_are_left_out_and_named()
    {
        await _fleet.EnrollAsync(3);
        await _fleet.EnrollAsync(2, "jetson", "jet");
        await _fleet.EnrollAsync(1, null, "odd");
        await _fleet.RevokeAsync(DeviceId.Parse("dev-00001"));
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        Assert.Equal(["dev-00000", "dev-00002"], (await _fleet.RunningAsync(rollout.Id)).Select(id => id.Value).Order());
        Assert.Equal(
            [
                "No hardware profile matches the device.: 1", "The device is revoked.: 1",
                "The release has no variant for profile jetson.: 2",
            ],
            rollout.Excluded.Select(excluded => $"{excluded.Reason}: {excluded.Devices}"));
    }

    [Fact]
    public async Task Rollout_that_would_reach_nobody_is_refused_with_the_reasons()
    {
        await _fleet.EnrollAsync(2, "jetson");
        var answer = await _fleet.Orders.StartAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()), "tester", default);
        Assert.Equal(409, answer.Problem!.Status);
        Assert.Equal(["2 left out: The release has no variant for profile jetson."], answer.Problem.Problems);
    }

    [Fact]
    public async Task Device_revoked_before_its_wave_opens_is_passed_over()
    {
        await _fleet.EnrollAsync(4);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "25% 100%"));
        var waiting = (await _fleet.ViewAsync(rollout.Id)).Devices.Where(device => device.Wave == 2).ToArray();
        await _fleet.RevokeAsync(waiting[0].Device);
        await _fleet.FinishAsync(rollout.Id);
        var second = await _fleet.UntilAsync(rollout.Id, "opens wave 2", view => view.OpenWave == 2 && view.Waves[1].Waiting == 0);
        Assert.Equal((2, 2), (second.Waves[1].Total, second.Waves[1].Running));
        await _fleet.FinishAsync(rollout.Id);
        await _fleet.UntilAsync(rollout.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    [Fact]
    public async Task Device_that_serves_the_release_already_is_not_asked_again()
    {
        await _fleet.EnrollAsync(4);
        var release = await _fleet.ReleaseAsync();
        var first = await _fleet.RollOutAsync(TestFleet.PlanOf(release, "50%"));
        await _fleet.FinishAsync(first.Id);
        await _fleet.UntilAsync(first.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
        var again = await _fleet.RollOutAsync(TestFleet.PlanOf(release));
        var view = await _fleet.ViewAsync(again.Id);
        Assert.Equal((2, 2), (view.Waves[0].Succeeded, view.Waves[0].Running));
        Assert.All(view.Devices.Where(device => device.Status == DeviceRolloutStatus.Succeeded),
            device => Assert.Equal(1, _fleet.DesiredAsync(device.Device).Result.Revision));
    }

    [Fact]
    public async Task Device_that_failed_the_release_is_asked_again_by_a_new_revision()
    {
        await _fleet.EnrollAsync(1);
        var release = await _fleet.ReleaseAsync();
        var first = await _fleet.RollOutAsync(TestFleet.PlanOf(release));
        await _fleet.FinishAsync(first.Id, DeploymentPhase.RolledBack);
        await _fleet.UntilAsync(first.Id, "aborts", view => view is { Status: RolloutStatus.Aborted, FinishedAt: not null });
        var again = await _fleet.RollOutAsync(TestFleet.PlanOf(release));
        var device = Assert.Single(await _fleet.RunningAsync(again.Id));
        Assert.Equal(3, (await _fleet.DesiredAsync(device)).Revision); // told, taken back, told again
        await _fleet.ReportAsync(device, DeploymentPhase.RolledBack, DeploymentFailure.GateMissed, revision: 1);
        Assert.Equal(1, (await _fleet.ViewAsync(again.Id)).Waves[0].Running);
    }

    [Fact]
    public async Task Restart_in_the_middle_of_a_wave_goes_on_and_blames_nobody_for_the_time_it_was_down()
    {
        await _fleet.EnrollAsync(10);
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(), "50% 100%"));
        await _fleet.ReportAsync((await _fleet.RunningAsync(rollout.Id))[0], DeploymentPhase.Active);
        _fleet.Clock.Advance(TimeSpan.FromMinutes(10));
        await _fleet.RestartAsync();
        _fleet.Clock.Advance(TimeSpan.FromMinutes(14));
        Assert.Equal(0, (await _fleet.ViewAsync(rollout.Id)).Waves[0].Failed);
        await _fleet.FinishAsync(rollout.Id);
        await _fleet.UntilAsync(rollout.Id, "opens wave 2", view => view.OpenWave == 2 && view.Waves[1].Waiting == 0);
        await _fleet.FinishAsync(rollout.Id);
        await _fleet.UntilAsync(rollout.Id, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    [Fact]
    public async Task Expired_release_is_not_rolled_out()
    {
        await _fleet.EnrollAsync(1);
        var release = await _fleet.ReleaseAsync(validFor: TimeSpan.FromDays(1));
        _fleet.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Contains("expired", (await _fleet.Orders.StartAsync(TestFleet.PlanOf(release), "tester", default)).Problem!.Title,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_problem_of_a_plan_is_named_at_once()
    {
        var answer = await _fleet.Orders.StartAsync(
            new RolloutPlan { Model = "No Name", Version = 0, Waves = [], Filter = "colour=red", MaximumFailureRate = 2 }, "tester",
            default);
        Assert.Equal((400, 5), (answer.Problem!.Status, answer.Problem.Problems.Count));
    }
}
