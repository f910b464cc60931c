using Fleet.Cli.Terminal;

namespace Fleet.Cli.Tests.Terminal;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData("500ms", 0.5)]
    [InlineData("30s", 30)]
    [InlineData("1.5m", 90)]
    [InlineData("1h30m", 5400)]
    [InlineData("7d", 604_800)]
    [InlineData("00:10:00", 600)]
    [InlineData("1.00:00:00", 86_400)]
    public void Durations_are_read_as_people_write_them(string text, double seconds)
    {
        Assert.True(DurationText.TryParse(text, out var duration));
        Assert.Equal(seconds, duration.TotalSeconds);
    }

    [Theory]
    [InlineData("10")]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("-5m")]
    [InlineData("5 m")]
    [InlineData("5y")]
    [InlineData("99999999d")]
    public void Number_without_a_unit_and_nonsense_are_refused(string text) => Assert.False(DurationText.TryParse(text, out _));

    [Theory]
    [InlineData(4, "4 s")]
    [InlineData(65, "1m 05s")]
    [InlineData(7800, "2h 10m")]
    [InlineData(273_600, "3d 4h")]
    public void Durations_are_written_in_their_two_largest_units(double seconds, string text)
        => Assert.Equal(text, DurationText.Of(TimeSpan.FromSeconds(seconds)));
}
