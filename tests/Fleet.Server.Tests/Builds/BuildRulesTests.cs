using Fleet.Contracts.Builds;
using Fleet.Server.Builds;

namespace Fleet.Server.Tests.Builds;

public sealed class BuildRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(1);

    private static Build Queued => new()
    {
        Id = "b",
        CreatedAt = Now,
        Spec = new BuildSpec
        {
            Model = "speech",
            Data = new DataSpec { Kind = "vibration" },
            Teacher = new TeacherSpec { Family = "conv1d" },
            Student = new StudentSpec { Family = "conv1d" },
        },
    };

    private static Build Leased => BuildRules.Lease(Queued, new BuildLease("lease-1", "w", Now + LeaseTime), Now)!;

    [Fact]
    public void Waiting_build_is_leased_once()
    {
        Assert.Equal((BuildStatus.Running, 1, Now + LeaseTime), (Leased.Status, Leased.Attempts, Leased.Lease!.ExpiresAt));
        // How long it took does not count the time in the queue.
        Assert.Equal(Now.AddHours(1),
            BuildRules.Lease(Queued, new BuildLease("lease-1", "w", Now.AddHours(1) + LeaseTime), Now.AddHours(1))!.StartedAt);
        Assert.Null(BuildRules.Lease(Leased, new BuildLease("lease-2", "w", Now + LeaseTime), Now));
    }

    [Fact]
    public void Progress_renews_the_lease()
        => Assert.Equal(Now.AddSeconds(59) + LeaseTime,
            BuildRules.Advance(Leased, "lease-1", new BuildProgress("training", 0.5), Now.AddSeconds(59), LeaseTime)!.Lease!.ExpiresAt);

    [Theory]
    [InlineData("lease-1", 59, true)]
    [InlineData("lease-1", 60, false)] // exactly at its end it has lapsed
    [InlineData("lease-2", 1, false)] // another attempt's
    public void Only_a_lease_that_holds_is_heard(string leaseId, int afterSeconds, bool heard)
    {
        var at = Now.AddSeconds(afterSeconds);
        Assert.Equal(heard, BuildRules.Advance(Leased, leaseId, new BuildProgress("x", 0.1), at, LeaseTime) is not null);
        Assert.Equal(heard, BuildRules.Complete(Leased, leaseId, new BuildResult("r", "p"), at) is not null);
        Assert.Equal(heard, BuildRules.Fail(Leased, leaseId, "why", at) is not null);
    }

    [Theory]
    [InlineData(double.NaN, 0.4)]
    [InlineData(double.PositiveInfinity, 0.4)]
    [InlineData(-1, 0.4)]
    [InlineData(0.3, 0.4)] // never back
    [InlineData(0.6, 0.6)]
    [InlineData(7, 1)]
    public void Progress_stays_within_its_bounds_and_never_goes_back(double sent, double kept)
    {
        var at40 = BuildRules.Advance(Leased, "lease-1", new BuildProgress("x", 0.4), Now, LeaseTime)!;
        Assert.Equal(kept, BuildRules.Advance(at40, "lease-1", new BuildProgress("x", sent), Now, LeaseTime)!.Progress!.Fraction);
    }

    [Fact]
    public void Lapsed_build_is_queued_again_twice_and_then_given_up()
    {
        var build = Queued;
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            build = BuildRules.Lease(build, new BuildLease($"lease-{attempt}", "w", Now + LeaseTime), Now)!;
            Assert.Null(BuildRules.Lapse(build, Now.AddSeconds(59), 3));
            build = BuildRules.Lapse(build, Now.AddSeconds(60), 3)!;
        }
        Assert.Equal((BuildStatus.Failed, 3), (build.Status, build.Attempts));
        Assert.StartsWith("The worker died 3 times", build.Failure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BuildStatus.Succeeded)]
    [InlineData(BuildStatus.Failed)]
    [InlineData(BuildStatus.Cancelled)]
    public void Ended_build_never_changes(BuildStatus status)
    {
        var over = Leased with { Status = status };
        Assert.Null(BuildRules.Lease(over, new BuildLease("lease-2", "w", Now + LeaseTime), Now));
        Assert.Null(BuildRules.Advance(over, "lease-1", new BuildProgress("x", 1), Now, LeaseTime));
        Assert.Null(BuildRules.Complete(over, "lease-1", new BuildResult("r", "p"), Now));
        Assert.Null(BuildRules.Fail(over, "lease-1", "why", Now));
        Assert.Null(BuildRules.Cancel(over, Now));
        Assert.Null(BuildRules.Lapse(over, Now.AddHours(1), 3));
    }

    [Theory]
    [InlineData(BuildStatus.Queued)]
    [InlineData(BuildStatus.Running)]
    public void Open_build_is_cancelled(BuildStatus status)
        => Assert.Equal(BuildStatus.Cancelled, BuildRules.Cancel(Leased with { Status = status }, Now)!.Status);
}
