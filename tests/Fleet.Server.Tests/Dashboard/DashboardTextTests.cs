using System.Globalization;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;
using Fleet.Server.Dashboard;

namespace Fleet.Server.Tests.Dashboard;

/// <summary>How the pages say values and draw lines.</summary>
public sealed class DashboardTextTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("5", "0,10")]
    [InlineData("0 0", "0,50 100,50")]
    [InlineData("0 5 10", "0,50 50,30 100,10")]
    [InlineData("10 0", "0,10 100,50")]
    public void Line_goes_from_left_to_right_with_its_largest_value_at_the_top(string values, string points)
    {
        var numbers = values.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(value => double.Parse(value, CultureInfo.InvariantCulture));
        Assert.Equal(points, Line.Points([.. numbers], 100, 10, 50));
    }

    [Fact]
    public void Line_stays_within_its_chart()
    {
        var random = new Random(5);
        for (var attempt = 0; attempt < 500; attempt++)
        {
            double[] values = [.. Enumerable.Range(0, random.Next(1, 50)).Select(_ => random.NextDouble() * random.Next(1000))];
            var points = Line.Points(values, 300, 5, 95).Split(' ');
            Assert.Equal(values.Length, points.Length);
            Assert.All(points, point =>
            {
                var place = point.Split(',').Select(part => double.Parse(part, CultureInfo.InvariantCulture)).ToArray();
                Assert.InRange(place[0], 0, 300.05);
                Assert.InRange(place[1], 5, 95);
            });
        }
    }

    [Theory]
    [InlineData("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;")]
    [InlineData("a & b \"c\"", "a &amp; b &quot;c&quot;")]
    public void Text_of_a_device_is_no_markup(string text, string escaped) => Assert.Equal(escaped, Line.Escape(text));

    [Fact]
    public void Every_phase_and_every_status_has_a_colour_of_the_page()
    {
        string[] colours = ["good", "bad", "wait", "busy"];
        Assert.All(Enum.GetValues<DeploymentPhase>(), phase => Assert.Contains(Words.ColourOf(phase), colours));
        Assert.All(Enum.GetValues<RolloutStatus>(), status => Assert.Contains(Words.ColourOf(status), colours));
        Assert.Equal(("good", "bad"), (Words.ColourOf(DeploymentPhase.Active), Words.ColourOf(DeploymentPhase.RolledBack)));
        Assert.Equal(("good", "bad"), (Words.ColourOf(RolloutStatus.Succeeded), Words.ColourOf(RolloutStatus.Aborted)));
    }

    [Fact]
    public void What_was_not_measured_is_a_dash()
    {
        string[] absent = [Words.Percent(null), Words.Milliseconds(null), Words.Latency(null), Words.Bytes(null)];
        Assert.All(absent, text => Assert.Equal("–", text));
    }

    [Fact]
    public void Values_are_said_with_their_units()
    {
        Assert.Equal("97.5 %", Words.Percent(0.975));
        Assert.Equal("0.41 ms", Words.Milliseconds(TimeSpan.FromMilliseconds(0.41)));
        Assert.Equal("0.41 ms / 1.20 ms / 3.00 ms", Words.Latency(LatencySummary.OfMilliseconds(0.41, 1.2, 3)));
        Assert.Equal("94 MB", Words.Bytes(90L << 20));
        Assert.Equal("1,234.5", Line.Number(1234.5));
        Assert.Equal(("2026-11-27 10:00:00", "never"),
            (Words.Moment(new DateTimeOffset(2026, 11, 27, 12, 0, 0, TimeSpan.FromHours(2))), Words.Moment(null)));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("rolled back", "Rolled back")]
    [InlineData("RMSE", "RMSE")]
    public void Title_begins_with_a_capital(string word, string title) => Assert.Equal(title, Words.Capital(word));

    [Theory]
    [InlineData(0, 4, "0")]
    [InlineData(1, 4, "25")]
    [InlineData(1, 3, "33.33")]
    [InlineData(4, 4, "100")]
    [InlineData(0, 0, "0")]
    public void Part_of_a_wave_is_a_width(int part, int total, string width)
        => Assert.Equal(width, Words.Width(part, total));

    [Fact]
    public void Device_that_serves_nothing_says_so()
    {
        var model = new ReportedModel { Model = "speech", Version = 3, Phase = DeploymentPhase.Idle, Since = DateTimeOffset.UnixEpoch };
        Assert.Equal("speech (none)", Words.Serving(model));
        Assert.Equal("speech 3 (x64-int8)", Words.Serving(model with { ActiveVersion = 3, ActiveVariant = "x64-int8" }));
    }
}
