using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Server.Builds;

namespace Fleet.Server.Tests.Builds;

/// <summary>What holds for a build whatever happens to it, in whatever order: workers race, die and come back late.</summary>
public sealed class BuildCourseTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan LeaseTime = TimeSpan.FromMinutes(1);
    private const int MaximumAttempts = 3;

    [Fact]
    public void Whatever_happens_in_whatever_order_a_build_stays_in_order()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var (random, now, build) = (new Random(seed), Now, Queued());
            for (var step = 0; step < 60; step++)
            {
                now += TimeSpan.FromSeconds(random.Next(40));
                if (Move(random, build, now) is not { } moved) continue;
                AssertInOrder(build, moved, now, $"seed {seed}, step {step}: {build.Status} to {moved.Status}");
                build = moved;
            }
        }
    }

    [Fact]
    public void Every_end_is_reached_by_some_course()
    {
        var ends = new HashSet<BuildStatus>();
        for (var seed = 0; seed < 300 && ends.Count < 3; seed++)
        {
            var (random, now, build) = (new Random(seed), Now, Queued());
            for (var step = 0; step < 60 && !build.IsOver; step++) build = Move(random, build, now += TimeSpan.FromSeconds(20)) ?? build;
            if (build.IsOver) ends.Add(build.Status);
        }
        Assert.Equal([BuildStatus.Cancelled, BuildStatus.Failed, BuildStatus.Succeeded], ends.OrderBy(end => $"{end}"));
    }

    [Theory]
    [InlineData("", "The worker gave no reason.")]
    [InlineData("   ", "The worker gave no reason.")]
    [InlineData("Out of memory.", "Out of memory.")]
    public void Reason_of_a_worker_is_kept_and_a_missing_one_is_said_to_be_missing(string reason, string kept)
        => Assert.Equal(kept, BuildRules.Fail(Leased(), "lease-1", reason, Now)!.Failure);

    [Theory]
    [InlineData(Limits.DetailLength)]
    [InlineData(Limits.DetailLength + 1)]
    public void Reason_is_no_longer_than_a_detail_may_be(int length)
        => Assert.Equal(Limits.DetailLength, BuildRules.Fail(Leased(), "lease-1", new string('x', length), Now)!.Failure!.Length);

    [Fact]
    public void Lease_that_is_not_heard_is_told_why()
    {
        Assert.Equal("Build b is not held by this lease.", BuildRules.WhyNotHeld(Leased(), "lease-2"));
        Assert.Equal("The lease of build b lapsed at 2026-11-27 12:01:00Z.", BuildRules.WhyNotHeld(Leased(), "lease-1"));
        Assert.Equal("Build b was cancelled.", BuildRules.WhyNotHeld(BuildRules.Cancel(Leased(), Now)!, "lease-1"));
        Assert.Equal(
            "Build b has ended: failed.", BuildRules.WhyNotHeld(BuildRules.Fail(Leased(), "lease-1", "why", Now)!, "lease-1"));
    }

    private static Build? Move(Random random, Build build, DateTimeOffset now)
    {
        var lease = $"lease-{random.Next(1, 4)}";
        return random.Next(8) switch
        {
            0 => BuildRules.Lease(build, new BuildLease($"lease-{build.Attempts + 1}", "w", now + LeaseTime), now),
            1 => BuildRules.Complete(build, lease, new BuildResult("r", "p"), now),
            2 => BuildRules.Fail(build, lease, "why", now),
            3 => random.Next(4) == 0 ? BuildRules.Cancel(build, now) : null,
            4 or 5 => BuildRules.Lapse(build, now, MaximumAttempts),
            _ => BuildRules.Advance(build, lease, new BuildProgress("step", random.NextDouble() * 2 - 0.5), now, LeaseTime),
        };
    }

    private static void AssertInOrder(Build before, Build after, DateTimeOffset now, string where)
    {
        Assert.False(before.IsOver, $"{where}: what has ended moved");
        Assert.InRange(after.Attempts, before.Attempts, Math.Min(before.Attempts + 1, MaximumAttempts));
        Assert.True(after.IsOver == after.FinishedAt is not null, $"{where}: the end and its time belong together");
        Assert.True(after.Status != BuildStatus.Running || after.Lease!.ExpiresAt > now, $"{where}: runs under a lease that lapsed");
        Assert.True(after.Status != BuildStatus.Queued || after is { Lease: null, Progress: null, StartedAt: null },
            $"{where}: waits, and keeps something of an attempt");
        Assert.True(after.Status is not (BuildStatus.Failed or BuildStatus.Cancelled) || after.Failure is { Length: > 0 },
            $"{where}: nobody says why");
        if (before.Status == BuildStatus.Running && after.Status == BuildStatus.Running)
            Assert.True(after.Progress!.Fraction >= before.Progress!.Fraction, $"{where}: went back");
    }

    private static Build Leased() => BuildRules.Lease(Queued(), new BuildLease("lease-1", "w", Now + LeaseTime), Now)!;

    private static Build Queued() => new() { Id = "b", CreatedAt = Now, Spec = TestFleet.SpecOf("speech") };
}
