using System.Text.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>
/// Plans that move several models: a device has part in all of them or in none, and finishes, fails and returns with all.
/// </summary>
public sealed partial class GroupedRolloutTests : IAsyncLifetime
{
    private static readonly string[] Models = ["speech", "vision"];
    private static readonly DeviceId First = DeviceId.Parse("dev-00000");
    private static readonly DeviceId Second = DeviceId.Parse("dev-00001");
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(2);
        await _fleet.AppearAsync(First);
        await _fleet.AppearAsync(Second);
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Device_is_told_of_all_models_in_one_order_and_has_finished_when_all_of_them_serve()
    {
        var rollout = await StartAsync("50% 100%");
        var told = Assert.Single(await _fleet.RunningAsync(rollout));
        var desired = await _fleet.DesiredAsync(told);
        Assert.Equal([("speech", 1, rollout), ("vision", 1, rollout)],
            desired.Assignments.Select(release => (release.Model, release.Version, release.Group)));
        Assert.Equal(1, desired.Revision);

        await SayAsync(told, Said("speech", DeploymentPhase.Active), Said("vision", DeploymentPhase.Watching));
        var running = (await _fleet.ViewAsync(rollout)).Devices.Single(device => device.Device == told);
        Assert.Equal((DeviceRolloutStatus.Running, DeploymentPhase.Watching), (running.Status, running.Phase));
        Assert.Equal(["speech 1 Active", "vision 1 Watching"],
            running.Models.Select(model => $"{model.Model} {model.Version} {model.Phase}"));
        await ServeAsync(told);
        await _fleet.UntilAsync(rollout, "opens its second wave", view => view.OpenWave == 2);
        await FinishAsync(rollout);
        var view = await _fleet.ViewAsync(rollout);
        Assert.Equal(["speech", "vision"], view.Targets);
        Assert.Null(view.Target);
    }

    [Fact]
    public async Task Targets_of_all_models_move_together_and_a_newcomer_gets_all_of_them_in_one_group()
    {
        var rollout = await StartAsync();
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal((rollout, null), (target.Moving, target.Release)));
        await FinishAsync(rollout);
        Assert.All(await _fleet.Store.TargetsAsync(default),
            target => Assert.Equal((null, 1, rollout), (target.Moving, target.Release!.Version, target.Release.Group)));

        await _fleet.EnrollAsync(1, prefix: "new");
        var newcomer = DeviceId.Parse("new-00000");
        await _fleet.AppearAsync(newcomer);
        await _fleet.UntilToldAsync(newcomer, 1, "vision");
        Assert.All((await _fleet.DesiredAsync(newcomer)).Assignments,
            release => Assert.Equal((1, rollout), (release.Version, release.Group)));
        Assert.Equal(2, (await _fleet.DesiredAsync(newcomer)).Assignments.Count);
    }

    [Fact]
    public async Task Device_fails_when_any_model_does_and_the_failure_names_the_one_that_is_at_fault()
    {
        var rollout = await StartAsync("50% 100%", plan => plan with { MaximumFailureRate = 0 });
        var told = Assert.Single(await _fleet.RunningAsync(rollout));
        await SayAsync(
            told,
            Said("speech", DeploymentPhase.RolledBack) with
            {
                Failure = DeploymentFailure.GroupFailed,
                Detail = "vision 1, which was ordered together with it, failed.",
            },
            Said("vision", DeploymentPhase.RolledBack) with
            {
                Failure = DeploymentFailure.GateMissed,
                Detail = "Accuracy 0.5 is too low.",
            });
        var view = await _fleet.UntilAsync(rollout, "aborts", view => view is { Status: RolloutStatus.Aborted, FinishedAt: not null });
        var failed = view.Devices.Single(device => device.Device == told);
        Assert.Equal((DeviceRolloutStatus.Failed, DeploymentFailure.GateMissed), (failed.Status, failed.Failure));
        Assert.Equal("vision 1: Accuracy 0.5 is too low.", failed.Detail);
        Assert.Empty((await _fleet.DesiredAsync(told)).Assignments); // it had nothing of either before
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal((null, null), (target.Moving, target.Release)));
        Assert.Empty(await _fleet.Store.AllAsync<OpenRollout>("", default).ToListAsync());
    }

    [Fact]
    public async Task Rollback_returns_all_models_together_and_a_device_is_back_when_all_of_them_are()
    {
        await FinishAsync(await StartAsync());
        var second = await StartAsync();
        await FinishAsync(second);
        Assert.Null((await _fleet.Orders.RollBackAsync(second, null, default)).Problem);
        Assert.All((await _fleet.DesiredAsync(First)).Assignments,
            release => Assert.Equal((1, true, second), (release.Version, release.Rollback, release.Group)));
        Assert.All(await _fleet.Store.TargetsAsync(default), target => Assert.Equal(1, target.Release!.Version));

        await SayAsync(First, Said("speech", DeploymentPhase.Active),
            Said("vision", DeploymentPhase.Activating) with { ActiveVersion = 2 });
        Assert.Equal(new ReturnsView(2, 0, 0, 0), (await _fleet.ViewAsync(second)).Returns);
        await ServeAsync(First);
        Assert.Equal(new ReturnsView(1, 1, 0, 0), (await _fleet.ViewAsync(second)).Returns);
        await SayAsync(
            Second,
            Said("speech", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GroupFailed, ActiveVersion = 2 },
            Said("vision", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.DownloadFailed, ActiveVersion = 2 });
        var view = await _fleet.ViewAsync(second);
        Assert.Equal(new ReturnsView(0, 1, 1, 0), view.Returns);
        Assert.Equal("to speech 1 and vision 1", view.Devices[0].ReturnInWords());
        Assert.Empty(await _fleet.Store.AllAsync<PendingReturn>("", default).ToListAsync());
    }

    [Fact]
    public async Task Device_that_is_pinned_on_one_model_is_held_apart_from_the_whole_plan()
    {
        await FinishAsync(await StartAsync());
        await PinAsync(First);
        var rollout = await StartAsync();
        Assert.Equal([Second], await _fleet.RunningAsync(rollout));
        var left = Assert.Single((await _fleet.ViewAsync(rollout)).Excluded);
        Assert.Equal("vision: The device is pinned to release 1.", left.Reason);
        await FinishAsync(rollout);
        await _fleet.AppearAsync(First, 1);
        Assert.Equal((1, false), await _fleet.ToldAsync(First));

        // Nor is a newcomer that is pinned given the rest of what was moved together.
        await _fleet.EnrollAsync(1, prefix: "new");
        var newcomer = DeviceId.Parse("new-00000");
        await PinAsync(newcomer);
        await _fleet.AppearAsync(newcomer);
        await _fleet.UntilToldAsync(newcomer, 1, "vision");
        Assert.Null(await _fleet.ToldAsync(newcomer));
    }

    [Fact]
    public async Task Rollout_that_shares_a_model_is_refused_and_supersedes_the_whole_of_the_one_that_is_open()
    {
        var open = await StartAsync();
        var single = TestFleet.PlanOf(await _fleet.ReleaseAsync());
        var refused = (await _fleet.Orders.StartAsync(single, "tester", default)).Problem!;
        Assert.Contains($"Rollout {open} of model speech is still open", refused.Title, StringComparison.Ordinal);
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var next = await _fleet.RollOutAsync(single with { Supersede = true });
        var view = await _fleet.ViewAsync(open);
        Assert.Equal((RolloutStatus.Aborted, true), (view.Status, view.FinishedAt is not null));
        var names = await _fleet.Store.AllAsync<OpenRollout>("", default).ToListAsync();
        Assert.Equal([("speech", next.Id)], names.Select(name => (name.Id, name.Document.Rollout)));
        Assert.Null(await _fleet.ToldAsync(First, "vision")); // the order of the other model was taken back as well
    }

    [Fact]
    public async Task Plan_of_several_models_supersedes_every_rollout_that_is_open_for_one_of_them()
    {
        var open = new List<string>();
        foreach (var model in Models) open.Add((await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync(model)))).Id);
        var plan = await PlanAsync();
        Assert.Equal(409, (await _fleet.Orders.StartAsync(plan, "tester", default)).Problem!.Status);
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        await _fleet.RollOutAsync(plan with { Supersede = true });
        foreach (var rollout in open) Assert.Equal(RolloutStatus.Aborted, (await _fleet.ViewAsync(rollout)).Status);
        Assert.All((await _fleet.DesiredAsync(First)).Assignments, release => Assert.Equal(2, release.Version));
    }

    [Fact]
    public async Task Device_that_failed_is_asked_for_all_models_again_under_one_new_revision()
    {
        var rollout = await StartAsync("100%", plan => plan with { MaximumFailureRate = 0.5, MinimumFinished = 2 });
        await SayAsync(
            First,
            Said("speech", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GroupFailed },
            Said("vision", DeploymentPhase.RolledBack) with { Failure = DeploymentFailure.GateMissed });
        var before = (await _fleet.DesiredAsync(First)).Revision;
        Assert.Null((await _fleet.Orders.RetryAsync(rollout, default)).Problem);
        var desired = await _fleet.DesiredAsync(First);
        Assert.Equal(before + 1, desired.Revision);
        Assert.All(desired.Assignments, release => Assert.Equal(rollout, release.Group));
        await FinishAsync(rollout);
    }

    /// <summary>Found in review: the released agent of 0.2.0 speaks protocol 2, knows no groups, and was told of them.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Agents_of_earlier_protocols_are_named_as_left_out_and_never_told_of_a_group(int protocol)
    {
        await _fleet.ReportAsync(First, new ReportedState
        {
            Protocol = protocol,
            Revision = 0,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [],
        });
        await _fleet.EnrollAsync(1, prefix: "new");
        var preview = (await _fleet.Orders.PreviewAsync(await PlanAsync(), default)).Value!;
        Assert.Equal([Second], preview.Devices.Select(device => device.Device));
        Assert.Equal(["speech", "vision"], preview.Targets.Select(target => target.Target));
        Assert.Equal(
            [
                "The device has not reported yet, and several models together need protocol 3.",
                $"The device speaks protocol {protocol}, and several models together need 3: its agent must be updated.",
            ],
            preview.Excluded.Select(excluded => excluded.Reason));
        await FinishAsync(await StartAsync());
        Assert.Empty((await _fleet.DesiredAsync(First)).Assignments);
    }

    [Fact]
    public async Task Plan_by_http_names_releases_and_one_of_one_model_reads_as_it_always_did()
    {
        foreach (var model in Models) await _fleet.ReleaseAsync(model);
        var plan = """{"releases":[{"model":"speech","version":1},{"model":"vision","version":1}],"waves":[{"percent":100}]}""";
        using var body = new StringContent(plan, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        using var answer = await _fleet.Http.PostAsync(new Uri("/api/v1/rollouts", UriKind.Relative), body);
        var view = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(2, view.GetProperty("plan").GetProperty("releases").GetArrayLength());
        Assert.False(view.GetProperty("plan").TryGetProperty("model", out _));
        await FinishAsync(view.GetProperty("id").GetString()!);

        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var single = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        var old = JsonDocument.Parse(
            await _fleet.Http.GetStringAsync(new Uri($"/api/v1/rollouts/{single.Id}", UriKind.Relative))).RootElement;
        Assert.Equal("speech", old.GetProperty("plan").GetProperty("model").GetString());
        Assert.Equal("speech", old.GetProperty("target").GetString());
        Assert.False(old.GetProperty("plan").TryGetProperty("releases", out _));
        Assert.Null((await _fleet.DesiredAsync(First)).Of("speech")!.Group);
    }

    /// <summary>What a server of before kept of a rollout that is on its way.</summary>
    [Fact]
    public void Rollout_of_one_model_that_an_earlier_server_stored_is_read_as_one_of_a_list_of_one()
    {
        var rollout = JsonSerializer.Deserialize(
            """
            {"id":"r","plan":{"model":"speech","version":2,"waves":[{"percent":100}]},"waves":[],"createdAt":"2026-11-23T12:00:00+00:00",
             "target":"speech","before":{"version":1,"decidedAt":"2026-11-22T12:00:00+00:00"}}
            """, RolloutJson.Default.Rollout)!;
        Assert.Equal([new PlannedRelease("speech", 2)], rollout.Plan.Moved());
        var moved = Assert.Single(rollout.Targets);
        Assert.Equal(("speech", "speech", 1), (moved.Model, moved.Target, moved.Before!.Version));
        Assert.Null(rollout.Group());

        var part = JsonSerializer.Deserialize(
            """
            {"rollout":"r","device":"dev-1","model":"speech","version":2,"wave":1,"revision":7,"previousVersion":1,"servedVersion":1,
             "previousFailed":true,"toldAt":"2026-11-23T12:00:00+00:00","status":"running","phase":"validating",
             "phaseSince":"2026-11-23T12:00:00+00:00","detail":"","variant":"x64-int8","updatedAt":"2026-11-23T12:00:00+00:00",
             "return":{"status":"sentBack","version":1,"revision":8}}
            """, RolloutJson.Default.DeviceRollout)!;
        var model = Assert.Single(part.Models);
        Assert.Equal(
            new ModelRollout("speech", 2)
            {
                PreviousVersion = 1,
                ServedVersion = 1,
                PreviousFailed = true,
                Phase = DeploymentPhase.Validating,
                Variant = "x64-int8",
                ReturnsTo = 1,
            }, model);
        var active = Said("speech", DeploymentPhase.Active) with { Version = 2, ActiveVersion = 2 };
        var answered = DeviceRolloutRules.Answer(part, TestDevice.Report(7, active), DateTimeOffset.UnixEpoch);
        Assert.Equal(DeviceRolloutStatus.Succeeded, answered.Status);
        var read = JsonSerializer.Deserialize(
            JsonSerializer.Serialize(answered, RolloutJson.Default.DeviceRollout), RolloutJson.Default.DeviceRollout)!;
        Assert.Equal(DeploymentPhase.Active, Assert.Single(read.Models).Phase);
    }

    private async Task<RolloutPlan> PlanAsync(string waves = "100%")
    {
        var releases = new List<PlannedRelease>();
        foreach (var model in Models) releases.Add(new PlannedRelease(model, (await _fleet.ReleaseAsync(model)).Version));
        return new RolloutPlan
        {
            Releases = releases,
            Waves = [
                .. waves.Split(' ').Select(wave => new WavePlan { Percent = double.Parse(wave.TrimEnd('%'), default(IFormatProvider)) }),
            ],
        };
    }

    private async Task<string> StartAsync(string waves = "100%", Func<RolloutPlan, RolloutPlan>? with = null)
    {
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var plan = await PlanAsync(waves);
        return (await _fleet.RollOutAsync(with?.Invoke(plan) ?? plan)).Id;
    }

    /// <summary>A model of what the device should run, in a phase.</summary>
    private ReportedModel Said(string model, DeploymentPhase phase) => new()
    {
        Model = model,
        Version = 0,
        Phase = phase,
        Since = _fleet.Clock.GetUtcNow(),
    };

    private async Task SayAsync(DeviceId device, params ReportedModel[] models)
    {
        var desired = await _fleet.DesiredAsync(device);
        var said = new List<ReportedModel>();
        foreach (var model in models)
        {
            var version = desired.Of(model.Model)!.Version;
            var passing = await _fleet.ModelAsync(model.Model, version, model.Phase);
            said.Add(passing with
            {
                Failure = model.Failure,
                Detail = model.Detail,
                ActiveVersion = model.Phase == DeploymentPhase.Active ? version : model.ActiveVersion,
                ActiveVariant = model.Phase == DeploymentPhase.Active ? passing.Variant : null,
            });
        }
        await _fleet.ReportAsync(device, new ReportedState
        {
            Revision = desired.Revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = said,
        });
    }

    private async Task PinAsync(DeviceId device, int version = 1)
    {
        var stored = (await _fleet.Store.DeviceAsync(device, default))!.Document;
        Assert.Null((await _fleet.Of<TargetOrders>().PinAsync(stored, "vision", version, default)).Problem);
    }

    private Task ServeAsync(DeviceId device)
        => SayAsync(device, [.. Models.Select(model => Said(model, DeploymentPhase.Active))]);

    /// <summary>Every device that is told serves all models, and the rollout succeeds.</summary>
    private async Task FinishAsync(string rollout)
    {
        foreach (var device in await _fleet.RunningAsync(rollout)) await ServeAsync(device);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }
}
