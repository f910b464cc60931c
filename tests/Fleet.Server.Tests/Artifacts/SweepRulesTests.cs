using Fleet.Server.Artifacts;

namespace Fleet.Server.Tests.Artifacts;

public sealed class SweepRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Hours ago that it was found and written, and hours that it counts as unused.</summary>
    [Theory]
    [InlineData(null, 5.0, 0.0)]
    [InlineData(3.0, 5.0, 3.0)]
    [InlineData(3.0, 1.0, 1.0)]
    [InlineData(3.0, 3.0, 3.0)]
    [InlineData(-2.0, 5.0, 0.0)]
    [InlineData(3.0, -2.0, 0.0)]
    public void Time_begins_with_the_look_that_found_it_or_when_it_came_again(double? found, double written, double unused)
        => Assert.Equal(
            Now.AddHours(-unused), SweepRules.UnusedSince(found is { } hours ? Now.AddHours(-hours) : null, Now.AddHours(-written), Now));

    [Theory]
    [InlineData(0, false)]
    [InlineData(6.99, false)]
    [InlineData(7, true)]
    [InlineData(700, true)]
    public void It_goes_once_its_time_is_over(double days, bool goes)
        => Assert.Equal(goes, SweepRules.MayGo(Now.AddDays(-days), TimeSpan.FromDays(7), Now));

    [Fact]
    public void What_many_use_is_counted_and_the_first_are_said()
    {
        var names = new ArtifactNames();
        for (var i = 1; i <= 9; i++) names.Use("a", $"release speech {i}", i == 3 ? "validation.npz" : null);
        var uses = names.UsesOf("a")!;
        Assert.Equal((9, "validation.npz"), (uses.Count, uses.Name));
        Assert.Equal(["release speech 1", "release speech 2", "release speech 3", "release speech 4", "release speech 5"], uses.First);
        Assert.Null(names.UsesOf("b"));
    }

    [Theory]
    [InlineData(-1, null)]
    [InlineData(0, "a build")]
    [InlineData(10, "a build")]
    [InlineData(11, null)]
    [InlineData(20, "an import")]
    [InlineData(900, "an import")]
    public void What_came_while_something_runs_is_held(int minute, string? by)
    {
        var names = new ArtifactNames();
        names.Hold(Now, Now.AddMinutes(10), "a build");
        names.Hold(Now.AddMinutes(20), null, "an import");
        Assert.Equal(by, names.WhyHeld(Now.AddMinutes(minute)));
    }
}
