using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Rollouts;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>What holds for every wave and every device rollout, whatever the numbers and the order of reports.</summary>
public sealed class RolloutCourseTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void No_wave_goes_on_while_a_device_is_missing_or_too_many_failed()
    {
        var random = new Random(17);
        for (var attempt = 0; attempt < 20_000; attempt++)
        {
            var plan = PlanOf(random);
            var tally = TallyOf(random);
            var last = random.Next(2) == 0;
            var finished = random.Next(3) == 0 ? (DateTimeOffset?)null : Now.AddMinutes(-random.Next(120));
            var clock = new WaveClock(Now, Now.AddMinutes(-120), finished, Now.AddDays(-1));

            var decision = RolloutRules.Decide(plan, tally, clock, last);

            var where = $"{decision.Step} of {tally} under {plan.MaximumFailureRate:P0}, at least {plan.MinimumFinished}";
            var failing = tally.FailureRate > plan.MaximumFailureRate;
            if (failing && tally.Judged >= plan.MinimumFinished) Assert.True(decision.Step == RolloutStep.Abort, where);
            else Assert.True(decision.Step != RolloutStep.Abort, where);
            if (decision.Step is RolloutStep.NextWave or RolloutStep.Succeed)
            {
                Assert.True(tally.IsWhole && tally.IsFinished && !failing && finished is not null, where);
                Assert.True(tally.Total == 0 || Now - finished >= plan.SoakTime, where);
                Assert.True(decision.Step == RolloutStep.Succeed == last, where);
            }
        }
    }

    [Fact]
    public void Rollout_that_stops_says_why_in_a_sentence_and_one_that_goes_on_needs_none()
    {
        var random = new Random(18);
        for (var attempt = 0; attempt < 5000; attempt++)
        {
            var decision = RolloutRules.Decide(
                PlanOf(random), TallyOf(random), new WaveClock(Now, Now.AddHours(-1), Now.AddMinutes(-30), Now.AddDays(-1)), isLast: false);
            if (decision.Step is RolloutStep.Pause or RolloutStep.Abort) Assert.Matches(@"\d.*[.]$", decision.Reason);
            else Assert.Empty(decision.Reason);
        }
    }

    [Fact]
    public void Report_that_comes_again_changes_nothing_and_an_end_is_never_taken_back()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var current = Told();
            for (var step = 0; step < 30; step++)
            {
                var (report, now) = (ReportOf(random), Now.AddSeconds(step));
                var answered = DeviceRolloutRules.Answer(current, report, now);
                Assert.Same(answered, DeviceRolloutRules.Answer(answered, report, now.AddSeconds(1)));
                if (current.Status != DeviceRolloutStatus.Running) Assert.NotEqual(DeviceRolloutStatus.Running, answered.Status);
                if (report.Revision < current.Revision || report.Models[0].Version != current.Version) Assert.Same(current, answered);
                Assert.Equal((current.Wave, current.Revision, current.ToldAt), (answered.Wave, answered.Revision, answered.ToldAt));
                current = answered;
            }
        }
    }

    [Fact]
    public void Phase_that_does_not_move_is_not_made_younger_by_being_reported_again()
    {
        var first = DeviceRolloutRules.Answer(Told(), ReportOf(DeploymentPhase.Downloading, "1 %"), Now.AddSeconds(10));
        var again = DeviceRolloutRules.Answer(first, ReportOf(DeploymentPhase.Downloading, "2 %"), Now.AddSeconds(20));
        Assert.Equal((Now.AddSeconds(10), Now.AddSeconds(20)), (again.PhaseSince, again.UpdatedAt));
        var next = DeviceRolloutRules.Answer(again, ReportOf(DeploymentPhase.Verifying, ""), Now.AddSeconds(30));
        Assert.Equal(Now.AddSeconds(30), next.PhaseSince);
    }

    [Fact]
    public void Device_is_silent_at_its_deadline_and_never_before_the_server_listened()
    {
        var told = Told();
        var deadline = TimeSpan.FromMinutes(15);
        Assert.Equal(Now + deadline, DeviceRolloutRules.SilentAt(told, deadline, Now.AddHours(-1)));
        Assert.Equal(Now.AddHours(1) + deadline, DeviceRolloutRules.SilentAt(told, deadline, Now.AddHours(1)));
        Assert.Equal(DateTimeOffset.MaxValue, DeviceRolloutRules.SilentAt(told, TimeSpan.MaxValue, Now));
        var silent = DeviceRolloutRules.Silence(told, deadline, Now + deadline);
        Assert.Equal((DeviceRolloutStatus.Failed, DeploymentFailure.Silent), (silent.Status, silent.Failure));
        Assert.Equal("Nothing new since 2026-11-27 12:00:00Z (phase idle); the plan allows 00:15:00 a phase.", silent.Detail);
        Assert.Null(DeviceRolloutRules.SilentAt(silent, deadline, Now));
    }

    private static RolloutPlan PlanOf(Random random) => new()
    {
        Model = "speech",
        Version = 7,
        Waves = [new WavePlan { Percent = 100 }],
        MaximumFailureRate = random.Next(5) switch { 0 => 0, 1 => 1, _ => random.NextDouble() },
        MinimumFinished = random.Next(1, 10),
        SoakTime = TimeSpan.FromMinutes(random.Next(3) * 30),
    };

    private static WaveTally TallyOf(Random random)
    {
        var (running, succeeded, failed) = (random.Next(4), random.Next(10), random.Next(4));
        var told = running + succeeded + failed;
        // Now and then a device has not been told yet, or a device rollout is missing.
        return random.Next(4) switch
        {
            0 => new WaveTally(told + random.Next(3), told, running, succeeded, failed),
            1 => new WaveTally(told + 1, told + 1, running, succeeded, failed),
            _ => new WaveTally(told, told, running, succeeded, failed),
        };
    }

    private static DeviceRollout Told() => new()
    {
        Rollout = "r",
        Device = DeviceId.Parse("press-7"),
        Model = "speech",
        Version = 7,
        Wave = 1,
        Revision = 3,
        ToldAt = Now,
        PhaseSince = Now,
        UpdatedAt = Now,
    };

    private static ReportedState ReportOf(DeploymentPhase phase, string detail) => new()
    {
        Revision = 3,
        Facts = new DeviceFacts { Architecture = "x64" },
        Models = [new ReportedModel { Model = "speech", Version = 7, Phase = phase, Since = Now, Detail = detail }],
    };

    private static ReportedState ReportOf(Random random)
    {
        var phases = Enum.GetValues<DeploymentPhase>();
        var report = ReportOf(phases[random.Next(phases.Length)], $"{random.Next(3)}");
        var failure = random.Next(4) == 0 ? DeploymentFailure.GateMissed : DeploymentFailure.None;
        return report with
        {
            Revision = random.Next(1, 6),
            Models = [report.Models[0] with { Version = random.Next(6, 9), Failure = failure }],
        };
    }
}
