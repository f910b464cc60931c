using Fleet.Server.Keys;
using Fleet.TestKit;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Keys;

/// <summary>When the server's clock may be signed with.</summary>
public sealed class SigningClockTests : IDisposable
{
    private static readonly DateTimeOffset Begin = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Clock_that_runs_on_is_well_for_years()
    {
        var time = new FakeTimeProvider(Begin);
        var clock = Open(time);
        time.Advance(TimeSpan.FromDays(2000));
        Assert.Null(clock.Problem());
        Assert.Equal(Begin.AddDays(2000), clock.Now());
    }

    [Theory]
    [InlineData(-0.005, true)]
    [InlineData(-1, false)]
    [InlineData(-20_000, false)]
    [InlineData(29, true)]
    [InlineData(800, false)]
    public void Clock_that_jumped_while_the_server_was_off_is_named_until_an_admin_vouches_for_it(double days, bool well)
    {
        Open(new FakeTimeProvider(Begin)).Keep();
        var clock = Open(new FakeTimeProvider(Begin.AddDays(days)));
        Assert.Equal(well, clock.Problem() is null);
        if (well) return;
        Assert.Contains("fleet keys anchor-time", clock.Problem(), StringComparison.Ordinal);
        clock.Keep();
        Assert.False(Open(new FakeTimeProvider(Begin.AddDays(days))).Problem() is null);
        clock.Vouch();
        var again = Open(new FakeTimeProvider(Begin.AddDays(days)));
        Assert.Equal((null, 1L), (again.Problem(), again.Anchor));
    }

    [Fact]
    public void Orders_are_never_signed_by_a_clock_that_was_set_back()
    {
        Open(new FakeTimeProvider(Begin)).Keep();
        Assert.Equal(Begin, Open(new FakeTimeProvider(DateTimeOffset.UnixEpoch)).Now());
    }

    /// <summary>Found in review: after a restore the next number was one that devices had taken, and they ignored it.</summary>
    [Fact]
    public void Anchor_that_devices_have_taken_is_passed_by_the_next_and_loses_no_time()
    {
        var time = new FakeTimeProvider(Begin);
        var clock = Open(time);
        time.Advance(TimeSpan.FromDays(1));
        clock.Shown(7);
        clock.Shown(3);
        clock.Shown(1 + SigningClock.MostAhead);
        Assert.Equal((0L, 7L), (clock.Anchor, clock.LatestAnchor));

        var again = Open(new FakeTimeProvider(Begin));
        Assert.Equal(Begin.AddDays(1), again.Now());
        again.Vouch();
        Assert.Equal((8L, 8L), (again.Anchor, again.LatestAnchor));
    }

    private SigningClock Open(TimeProvider time) => new(_folder["clock.json"], time);
}
