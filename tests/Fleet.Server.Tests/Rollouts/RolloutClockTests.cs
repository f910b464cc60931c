using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Http;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>The server's clock was ahead once and is corrected: what was ordered meanwhile stands above nothing that comes after.</summary>
public sealed class RolloutClockTests : IAsyncLifetime
{
    private static readonly TimeSpan Ahead = TimeSpan.FromHours(3);
    private static readonly DeviceId First = DeviceId.Parse("dev-00000");

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(4);
        for (var version = 1; version <= 4; version++) await _fleet.ReleaseAsync();
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Targets_move_on_after_a_clock_that_was_ahead_is_corrected()
    {
        await ServeAsync(1);
        Set(Ahead);
        await ServeAsync(2);
        Set(-Ahead);
        await ServeAsync(3);
        Assert.Equal((3, false), await _fleet.ToldAsync(First));
        Assert.Null((await SetAsync(4)).Problem);
        await _fleet.UntilToldAsync(First, 4);
    }

    [Fact]
    public async Task Word_of_a_rollout_that_a_clock_which_was_ahead_began_for_some_gives_way_to_a_target_that_is_set_after()
    {
        await ServeAsync(1);
        Set(Ahead);
        await ServeAsync(2, "50%"); // the target stays at 1
        Set(-Ahead);
        var told = (await _fleet.Store.TargetsAsync(default))[0];
        Assert.Equal(1, told.Release!.Version);
        Assert.Null((await SetAsync(3)).Problem);
        for (var number = 0; number < 4; number++) await _fleet.UntilToldAsync(DeviceId.Parse($"dev-{number:00000}"), 3);
    }

    [Fact]
    public async Task Target_that_is_removed_and_made_anew_after_a_clock_that_was_ahead_decides_again()
    {
        Set(Ahead);
        await ServeAsync(1);
        Set(-Ahead);
        Assert.Null((await _fleet.Of<TargetOrders>().RemoveAsync("speech", default)).Problem);
        Assert.Null((await SetAsync(2)).Problem);
        await _fleet.UntilToldAsync(First, 2);
    }

    [Fact]
    public async Task Rollout_that_the_clock_paused_goes_on_once_it_is_resumed()
    {
        Set(Ahead);
        var rollout = (await _fleet.RollOutAsync(PlanOf(1, "50% 100%"))).Id;
        Set(-Ahead);
        _fleet.Of<RolloutWake>().Set();
        var paused = await _fleet.UntilAsync(rollout, "pauses", view => view.Status == RolloutStatus.Paused);
        Assert.Contains("set the clock, then resume", paused.Reason, StringComparison.Ordinal);
        Assert.Null((await _fleet.Orders.ResumeAsync(rollout, default)).Problem);
        await _fleet.FinishAsync(rollout);
        await _fleet.UntilAsync(rollout, "opens wave 2", view => view.OpenWave == 2 && view.Waves[1].Running == 2);
        await _fleet.SucceedAsync(rollout);
    }

    [Fact]
    public async Task Device_that_moved_last_by_a_clock_that_was_ahead_is_silent_at_its_deadline_by_the_corrected_one()
    {
        var rollout = (await _fleet.RollOutAsync(PlanOf(1) with { MaximumFailureRate = 1 })).Id;
        await _fleet.UntilAsync(rollout, "tells all", view => view.Waves[0].Running == 4);
        await _fleet.ReportAsync(First, DeploymentPhase.Downloading);
        await _fleet.UntilAsync(rollout, "hears of it", view => view.Waves[0].Running == 4);
        // As the store keeps it of a report that came while the clock was ahead. With the clock itself ahead, however shortly, the rollout
        // may be looked at and give all the others up.
        await _fleet.Store.UpdateAsync<DeviceRollout>(
            DeviceRollout.IdOf(rollout, First), part => part with { PhaseSince = _fleet.Clock.GetUtcNow() + Ahead }, default);
        _fleet.Of<RolloutWake>().Set();
        await _fleet.UntilAsync(rollout, "is looked at", view => view.Waves[0].Running == 4);
        // Twice: that the clock was set back is seen at a look, and counts from there.
        for (var deadline = 0; deadline < 2; deadline++)
        {
            _fleet.Clock.Advance(TimeSpan.FromMinutes(15));
            _fleet.Of<RolloutWake>().Set();
        }
        await _fleet.UntilAsync(rollout, "gives all up", view => view.Waves[0].Failed == 4);
    }

    [Theory]
    [InlineData(-10, -10)]
    [InlineData(0.5, 0.5)] // a time server's correction: no reason to give anybody up
    [InlineData(180, -5)]
    public void What_lies_ahead_of_the_clock_counts_from_when_it_is_listened_by(double minutesAhead, double counted)
    {
        var now = new DateTimeOffset(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);
        var part = new DeviceRollout
        {
            Rollout = "r",
            Device = First,
            Wave = 1,
            Revision = 1,
            ToldAt = now.AddMinutes(minutesAhead),
            PhaseSince = now.AddMinutes(minutesAhead),
            UpdatedAt = now,
        };
        var after = DeviceRolloutRules.ByClock(part, now, now.AddMinutes(-5));
        Assert.Equal((now.AddMinutes(counted), now.AddMinutes(counted)), (after.PhaseSince, after.ToldAt));
    }

    private void Set(TimeSpan by) => _fleet.Clock.AdjustTime(_fleet.Clock.GetUtcNow() + by);

    private Task<Answer<Target>> SetAsync(int version)
        => _fleet.Of<TargetOrders>().SetAsync("speech", new SetTargetRequest { Model = "speech", Version = version }, default);

    private async Task ServeAsync(int version, string waves = "100%")
        => await _fleet.SucceedAsync((await _fleet.RollOutAsync(PlanOf(version, waves))).Id);

    private static RolloutPlan PlanOf(int version, string waves = "100%") => new()
    {
        Model = "speech",
        Version = version,
        Waves = [
            .. waves.Split(' ').Select(
                wave => new WavePlan { Percent = double.Parse(wave.TrimEnd('%'), System.Globalization.CultureInfo.InvariantCulture) }),
        ],
    };
}
