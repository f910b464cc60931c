using System.Text.Json;
using Fleet.Contracts.Trust;

namespace Fleet.Contracts.Tests;

public sealed class ActivationWindowTests
{
    [Theory]
    [InlineData("02:00-05:00", "03:30", "00:00:00")]
    [InlineData("02:00-05:00", "02:00", "00:00:00")]
    [InlineData("02:00-05:00", "05:00", "21:00:00")]
    [InlineData("02:00-05:00", "01:59", "00:01:00")]
    [InlineData("23:00-01:00", "00:30", "00:00:00")] // spans midnight
    [InlineData("23:00-01:00", "23:30", "00:00:00")]
    [InlineData("23:00-01:00", "12:00", "11:00:00")]
    public void Window_opens_in(string window, string now, string wait)
    {
        var times = window.Split('-').Select(Time).ToArray();
        var parsed = new ActivationWindow(times[0], times[1]);
        Assert.Equal(TimeSpan.Parse(wait, System.Globalization.CultureInfo.InvariantCulture), parsed.OpensIn(Time(now)));
        Assert.Equal(window, parsed.ToString());
    }

    [Fact]
    public void Window_travels_as_two_times_of_day()
    {
        var json = JsonSerializer.Serialize(
            new ActivationWindow(new TimeOnly(2, 0), new TimeOnly(5, 30)), FleetJson.Default.ActivationWindow);
        Assert.Equal("""{"from":"02:00:00","to":"05:30:00"}""", json);
    }

    private static TimeOnly Time(string text) => TimeOnly.ParseExact(text, "HH:mm", System.Globalization.CultureInfo.InvariantCulture);
}
