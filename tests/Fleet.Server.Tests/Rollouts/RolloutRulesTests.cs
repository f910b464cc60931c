using Fleet.Contracts.Rollouts;
using Fleet.Server.Rollouts;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>One row for each thing that can be true of a wave.</summary>
public sealed class RolloutRulesTests
{
    private static readonly DateTimeOffset Opened = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    private static RolloutPlan Plan(double maximumFailureRate = 0.1, int minimumFinished = 1, int soakMinutes = 0) => new()
    {
        Model = "speech",
        Version = 7,
        Waves = [new WavePlan { Percent = 100 }],
        MaximumFailureRate = maximumFailureRate,
        MinimumFinished = minimumFinished,
        SoakTime = TimeSpan.FromMinutes(soakMinutes),
    };

    private static WaveClock After(double minutes, double? finishedAfter = null)
        => new(Opened.AddMinutes(minutes), Opened, finishedAfter is { } finished ? Opened.AddMinutes(finished) : null, Opened.AddDays(-1));

    [Theory]
    // total, told, running, succeeded, failed, minimum finished -> step
    [InlineData(10, 10, 10, 0, 0, 1, nameof(RolloutStep.Wait))] // nobody finished
    [InlineData(10, 10, 1, 9, 0, 1, nameof(RolloutStep.Wait))] // one is missing
    [InlineData(10, 4, 0, 4, 0, 1, nameof(RolloutStep.Wait))] // the wave is still being opened
    [InlineData(10, 10, 9, 0, 1, 1, nameof(RolloutStep.Abort))] // the first to finish failed
    [InlineData(10, 10, 9, 0, 1, 2, nameof(RolloutStep.Wait))] // too few finished to judge
    [InlineData(10, 10, 8, 0, 2, 2, nameof(RolloutStep.Abort))] // just enough finished
    [InlineData(10, 10, 0, 9, 1, 1, nameof(RolloutStep.NextWave))] // exactly the rate allowed
    [InlineData(10, 10, 0, 8, 2, 1, nameof(RolloutStep.Abort))] // one past it
    [InlineData(10, 10, 0, 0, 10, 10, nameof(RolloutStep.Abort))] // all failed
    [InlineData(100, 100, 40, 50, 10, 20, nameof(RolloutStep.Abort))] // good devices do not outvote a failing wave
    [InlineData(2, 2, 0, 1, 1, 5, nameof(RolloutStep.Pause))] // the wave ended before enough had finished
    [InlineData(2, 2, 0, 2, 0, 5, nameof(RolloutStep.NextWave))] // few, and nothing wrong with any
    [InlineData(1, 1, 0, 1, 0, 1, nameof(RolloutStep.NextWave))]
    [InlineData(0, 0, 0, 0, 0, 1, nameof(RolloutStep.NextWave))] // an empty wave finishes at once
    [InlineData(10, 10, 0, 9, 0, 1, nameof(RolloutStep.Pause))] // a device rollout is missing from the store
    [InlineData(10, 11, 0, 11, 0, 1, nameof(RolloutStep.Pause))] // more were told than the wave has
    public void Wave_is_judged_by_its_counts(int total, int told, int running, int succeeded, int failed, int minimumFinished, string step)
    {
        var tally = new WaveTally(total, told, running, succeeded, failed);
        var decision = RolloutRules.Decide(
            Plan(minimumFinished: minimumFinished), tally, After(5, tally.IsFinished ? 5 : null), isLast: false);
        Assert.Equal(step, decision.Step.ToString());
    }

    [Theory]
    [InlineData(0, 5, 5, nameof(RolloutStep.NextWave))] // no soak
    [InlineData(10, 5, 5, nameof(RolloutStep.Wait))] // just finished
    [InlineData(10, 5, 12, nameof(RolloutStep.Wait))] // open for longer than the soak time, finished for less: it counts from the finish
    [InlineData(10, 5, 14.99, nameof(RolloutStep.Wait))]
    [InlineData(10, 5, 15, nameof(RolloutStep.NextWave))] // exactly
    [InlineData(10, 5, 1000, nameof(RolloutStep.NextWave))]
    public void Soak_counts_from_the_moment_the_wave_finished(int soakMinutes, double finishedAfter, double minutes, string step)
        => Assert.Equal(step, RolloutRules.Decide(
            Plan(soakMinutes: soakMinutes), new WaveTally(4, 4, 0, 4, 0), After(minutes, finishedAfter), isLast: false).Step.ToString());

    [Theory]
    [InlineData(2, 21, nameof(RolloutStep.Wait))] // a day of soak is over, but the server listens only since a minute
    [InlineData(2, 22, nameof(RolloutStep.NextWave))]
    [InlineData(60, 34.9, nameof(RolloutStep.Wait))] // never longer than a phase deadline (15 minutes)
    [InlineData(60, 80, nameof(RolloutStep.NextWave))]
    public void Server_that_was_down_listens_before_it_calls_a_wave_watched(int soakMinutes, double minutes, string step)
    {
        var clock = After(minutes, 5) with { ListeningSince = Opened.AddMinutes(20) };
        Assert.Equal(step, RolloutRules.Decide(
            Plan(soakMinutes: soakMinutes), new WaveTally(4, 4, 0, 4, 0), clock, isLast: false).Step.ToString());
    }

    [Fact]
    public void Waiting_for_the_soak_says_until_when()
        => Assert.Equal(Opened.AddMinutes(15),
            RolloutRules.Decide(Plan(soakMinutes: 10), new WaveTally(4, 4, 0, 4, 0), After(6, 5), isLast: false).At);

    [Fact]
    public void Failure_during_the_soak_aborts()
        => Assert.Equal(RolloutStep.Abort,
            RolloutRules.Decide(Plan(soakMinutes: 10), new WaveTally(4, 4, 0, 3, 1), After(6, 5), isLast: true).Step);

    [Fact]
    public void Empty_wave_is_not_soaked()
        => Assert.Equal(RolloutStep.NextWave,
            RolloutRules.Decide(Plan(soakMinutes: 10), new WaveTally(0, 0, 0, 0, 0), After(0, 0), isLast: false).Step);

    [Fact]
    public void Last_wave_is_soaked_too_and_then_succeeds()
    {
        var tally = new WaveTally(4, 4, 0, 4, 0);
        Assert.Equal(RolloutStep.Wait, RolloutRules.Decide(Plan(soakMinutes: 10), tally, After(14, 5), isLast: true).Step);
        Assert.Equal(RolloutStep.Succeed, RolloutRules.Decide(Plan(soakMinutes: 10), tally, After(15, 5), isLast: true).Step);
    }

    [Fact]
    public void Finished_wave_whose_finish_was_not_written_down_waits()
        => Assert.Equal(RolloutStep.Wait, RolloutRules.Decide(Plan(), new WaveTally(4, 4, 0, 4, 0), After(5), isLast: true).Step);

    [Theory]
    [InlineData(-0.5, null, nameof(RolloutStep.Wait))] // a time server's correction
    [InlineData(-1, null, nameof(RolloutStep.Wait))]
    [InlineData(-1.01, null, nameof(RolloutStep.Pause))] // more than that needs a person
    [InlineData(-525_600, null, nameof(RolloutStep.Pause))]
    [InlineData(4, 5.0, nameof(RolloutStep.Wait))] // after the opening, before the finish
    [InlineData(2, 5.0, nameof(RolloutStep.Pause))]
    public void Clock_that_went_back_never_goes_on(double minutes, double? finishedAfter, string step)
        => Assert.Equal(step, RolloutRules.Decide(
            Plan(), new WaveTally(4, 4, 0, 4, 0), After(minutes, finishedAfter), isLast: true).Step.ToString());

    [Fact]
    public void Failing_wave_aborts_whatever_the_clock_says()
        => Assert.Equal(RolloutStep.Abort, RolloutRules.Decide(Plan(), new WaveTally(4, 4, 3, 0, 1), After(-1000), isLast: false).Step);

    [Fact]
    public void Failure_rate_that_is_not_a_number_aborts_rather_than_passes()
        => Assert.Equal(RolloutStep.Abort,
            RolloutRules.Decide(Plan(maximumFailureRate: double.NaN), new WaveTally(4, 4, 0, 4, 0), After(5, 5), isLast: false).Step);

    [Fact]
    public void Rate_of_zero_tolerates_nothing_and_of_one_everything()
    {
        Assert.Equal(RolloutStep.Abort,
            RolloutRules.Decide(Plan(maximumFailureRate: 0), new WaveTally(1000, 1000, 0, 999, 1), After(5, 5), isLast: false).Step);
        Assert.Equal(RolloutStep.NextWave,
            RolloutRules.Decide(Plan(maximumFailureRate: 1), new WaveTally(3, 3, 0, 0, 3), After(5, 5), isLast: false).Step);
    }

    [Fact]
    public void Failures_an_operator_resumed_in_spite_of_are_judged_no_more()
    {
        var seen = new WaveTally(4, 4, 2, 1, 1, Acknowledged: 1);
        Assert.Equal(RolloutStep.Wait, RolloutRules.Decide(Plan(), seen, After(5), isLast: false).Step);
        var another = seen with { Running = 1, Failed = 2 };
        Assert.Equal(RolloutStep.Abort, RolloutRules.Decide(Plan(), another, After(5), isLast: false).Step);
    }

    [Fact]
    public void Abort_names_the_numbers()
        => Assert.Equal("2 of 3 finished devices failed (66.7%); at most 10% may.",
            RolloutRules.Decide(Plan(), new WaveTally(10, 10, 7, 1, 2), After(5), isLast: false).Reason);
}
