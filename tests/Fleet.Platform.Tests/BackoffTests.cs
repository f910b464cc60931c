namespace Fleet.Platform.Tests;

public sealed class BackoffTests
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1), Maximum = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(5, 16)]
    [InlineData(6, 30)]
    [InlineData(int.MaxValue, 30)]
    public void Bound_doubles_up_to_its_maximum(int failures, int seconds)
        => Assert.Equal(TimeSpan.FromSeconds(seconds), Backoff.Bound(failures, First, Maximum));

    [Fact]
    public void Waits_are_spread_over_everything_below_the_bound()
    {
        var random = new Random(1);
        var waits = Enumerable.Range(0, 1000).Select(_ => Backoff.Next(random, 4, First, Maximum).TotalSeconds).ToList();
        Assert.All(waits, wait => Assert.InRange(wait, 0, 8));
        Assert.InRange(waits.Average(), 3.6, 4.4);
        Assert.InRange(waits.Min(), 0, 0.2);
        Assert.InRange(waits.Max(), 7.8, 8);
    }

    [Fact]
    public void Longest_waits_there_can_be_do_not_overflow()
    {
        var longest = Backoff.Next(new Random(1), int.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue);
        Assert.InRange(longest, TimeSpan.Zero, TimeSpan.MaxValue);
    }
}
