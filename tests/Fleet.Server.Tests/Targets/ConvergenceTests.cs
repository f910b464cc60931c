using Fleet.Contracts.Devices;
using Fleet.Server.Devices;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Targets;

/// <summary>Who decides what a device should run where pins, targets and rollouts meet: one row each.</summary>
public sealed class ConvergenceTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly Device Berlin = new()
    {
        Id = DeviceId.Parse("press-1"),
        Facts = new DeviceFacts { Architecture = "x64" },
        Labels = new Dictionary<string, string> { ["site"] = "berlin" },
        EnrolledAt = Noon,
        Token = "t",
    };

    [Fact]
    public void Nothing_decides_without_a_target()
        => Assert.Null(Decide(Told(3), null));

    [Fact]
    public void Target_of_another_model_or_other_devices_decides_nothing()
        => Assert.Null(Decide(null, null, Target("all", 1) with { Model = "vision" }, Target("paris", 1, "label.site=paris")));

    [Fact]
    public void Target_without_a_release_decides_nothing()
        => Assert.Equal("all", Decide(null, null, Target("all", 1), Target("new", null, "label.site=berlin"))?.Target);

    [Fact]
    public void Of_two_targets_the_one_ordered_last_decides()
    {
        Assert.Equal(2, Decide(null, null, Target("all", 1, at: 1), Target("berlin", 2, "label.site=berlin", at: 2))?.Version);
        Assert.Equal(1, Decide(null, null, Target("all", 1, at: 3), Target("berlin", 2, "label.site=berlin", at: 2))?.Version);
    }

    [Fact]
    public void Higher_priority_decides_however_old_its_order_is()
        => Assert.Equal(2, Decide(null, null, Target("all", 1, at: 9), Target("berlin", 2, "label.site=berlin", 5, at: 1))?.Version);

    [Fact]
    public void Pin_holds_the_device_whatever_its_targets_say()
    {
        var ruling = Decide(Told(3, "all", "r", at: 9), new Pin(Berlin.Id, "speech", 1, Noon), Target("all", 3, priority: 99, at: 9))!;
        Assert.Equal((1, true), (ruling.Version, ruling.IsPin));
    }

    [Fact]
    public void What_an_open_rollout_told_the_device_counts_before_its_target_has_moved()
    {
        var ruling = Decide(Told(2, "all", "r", at: 5), null, Target("all", 1, at: 1))!;
        Assert.Equal((2, "r"), (ruling.Version, ruling.Rollout));
    }

    [Fact]
    public void Order_that_came_after_the_rollout_counts_more()
        => Assert.Equal(7, Decide(
            Told(2, "all", "r", at: 5), null, Target("all", 1, at: 1), Target("berlin", 7, "label.site=berlin", at: 6))?.Version);

    [Fact]
    public void What_a_rollout_told_a_device_that_its_target_no_longer_selects_counts_for_nothing()
        => Assert.Equal(1, Decide(
            Told(2, "paris", "r", at: 5), null, Target("all", 1, at: 1), Target("paris", null, "label.site=paris"))?.Version);

    [Fact]
    public void Device_that_was_returned_to_what_it_last_served_is_not_asked_again_until_its_target_moves()
    {
        var stands = new DesiredRelease("speech", 1, By: new DesiredBy("all", Noon) { InsteadOf = 2 });
        var second = Decide(stands, null, Target("all", 2))!;
        Assert.True(Convergence.IsMet(second, stands));
        Assert.False(Convergence.IsMet(Decide(stands, null, Target("all", 3))!, stands));
        Assert.False(Convergence.IsMet(Decide(stands, null, Target("berlin", 2, "label.site=berlin"))!, stands));
    }

    [Fact]
    public void Every_version_below_the_largest_that_a_device_was_told_goes_back_on_purpose()
    {
        var desired = DeviceDesired.Nothing.With(new DesiredRelease("speech", 3)).With(new DesiredRelease("speech", 1));
        Assert.True(desired.Of("speech")!.Rollback);
        desired = desired.With(new DesiredRelease("speech", 2));
        Assert.True(desired.Of("speech")!.Rollback);
        Assert.True(desired.Without("speech").With(new DesiredRelease("speech", 2)).Of("speech")!.Rollback);
        Assert.False(desired.With(new DesiredRelease("speech", 4)).Of("speech")!.Rollback);
        Assert.False(desired.With(new DesiredRelease("vision", 1)).Of("vision")!.Rollback);
    }

    [Fact]
    public void Version_stored_before_largest_versions_were_is_remembered_when_its_model_is_withdrawn()
    {
        var stored = new DeviceDesired(4, [new DesiredRelease("speech", 3)]).Without("speech");
        Assert.True(stored.With(new DesiredRelease("speech", 2)).Of("speech")!.Rollback);
    }

    private static Ruling? Decide(DesiredRelease? has, Pin? pin, params Target[] targets)
        => Convergence.Decide(Berlin, "speech", has, pin, targets);

    private static DesiredRelease Told(int version, string? target = null, string? rollout = null, int at = 0)
        => new("speech", version, By: target is null ? null : new DesiredBy(target, Noon.AddHours(at)) { Rollout = rollout });

    private static Target Target(string name, int? version, string filter = "", int priority = 0, int at = 0) => new()
    {
        Name = name,
        Model = "speech",
        Filter = filter,
        Priority = priority,
        Release = version is { } number ? new TargetRelease(number, Noon.AddHours(at)) : null,
        CreatedAt = Noon,
    };
}
