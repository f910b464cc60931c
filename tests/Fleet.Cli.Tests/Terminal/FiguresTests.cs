using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Tests.Terminal;

/// <summary>Numbers as people read them, with the unit that shows their digits.</summary>
public sealed class FiguresTests
{
    [Theory]
    [InlineData(0L, "0 B")]
    [InlineData(999L, "999 B")]
    [InlineData(1_000L, "1.0 kB")]
    [InlineData(999_999L, "1000.0 kB")]
    [InlineData(1_000_000L, "1.0 MB")]
    [InlineData(1_000_000_000L, "1.0 GB")]
    [InlineData(5_000_000_000_000L, "5000.0 GB")]
    [InlineData(null, "-")]
    public void Bytes_are_told_in_the_largest_unit_that_leaves_one(long? bytes, string text) => Assert.Equal(text, Figures.Bytes(bytes));

    [Theory]
    [InlineData("mixed-weights", 6.21, "mixed-weights (6.2 bits)")]
    [InlineData("mixed-weights", null, "mixed-weights")]
    [InlineData("int4-weights", 5.13, "int4-weights")]
    public void Scheme_tells_the_bits_of_its_weights_where_layers_differ_in_them(string scheme, double? bits, string text)
        => Assert.Equal(text, Figures.Scheme(new VariantReport
        {
            Id = "a",
            Profile = "x64",
            Scheme = scheme,
            AverageBits = bits,
            Accepted = true,
        }));

    [Theory]
    [InlineData(0.0421, "0.042")]
    [InlineData(0.9994, "0.999")]
    [InlineData(1.534, "1.53")]
    [InlineData(12.74, "12.7")]
    [InlineData(99.94, "99.9")]
    [InlineData(845.4, "845")]
    public void Milliseconds_have_three_digits_that_count(double milliseconds, string text)
    {
        Assert.Equal(text, Figures.BareMilliseconds(TimeSpan.FromMilliseconds(milliseconds)));
        Assert.Equal($"{text} ms", Figures.Milliseconds(TimeSpan.FromMilliseconds(milliseconds)));
    }

    [Theory]
    [InlineData(0.0, "0.0 %")]
    [InlineData(0.975, "97.5 %")]
    [InlineData(1.0, "100.0 %")]
    [InlineData(null, "-")]
    public void Share_is_told_in_percent(double? share, string text) => Assert.Equal(text, Figures.Percent(share));

    [Theory]
    [InlineData(12.5e-6, "12.5 uJ")]
    [InlineData(0.0125, "12.50 mJ")]
    [InlineData(2.5, "2.50 J")]
    [InlineData(null, "-")]
    public void Energy_is_told_in_the_unit_that_shows_its_digits(double? joules, string text) => Assert.Equal(text, Figures.Energy(joules));

    [Theory]
    [InlineData(0L, "0")]
    [InlineData(999L, "999")]
    [InlineData(1_234_567L, "1,234,567")]
    public void Count_has_a_separator_for_thousands(long count, string text) => Assert.Equal(text, Figures.Count(count));

    [Fact]
    public void What_was_not_measured_is_a_dash_everywhere()
    {
        string[] absent =
        [
            Figures.Milliseconds(null), Figures.BareMilliseconds(null), Figures.Latency(null), Figures.Decibels(null), Figures.Moment(null),
        ];
        Assert.All(absent, text => Assert.Equal(Figures.None, text));
    }

    [Fact]
    public void Latency_is_the_median_and_the_95th_percentile()
        => Assert.Equal("0.410 ms / 1.20 ms", Figures.Latency(new LatencySummary(
            TimeSpan.FromMilliseconds(0.41), TimeSpan.FromMilliseconds(1.2), TimeSpan.FromMilliseconds(3))));

    [Fact]
    public void Moment_is_told_in_the_time_of_the_server()
        => Assert.Equal("2026-11-27 10:30:00Z", Figures.Moment(new DateTimeOffset(2026, 11, 27, 12, 30, 0, TimeSpan.FromHours(2))));

    [Theory]
    [InlineData(null, "never")]
    [InlineData(0.0, "now")]
    [InlineData(4.9, "now")]
    [InlineData(5.0, "5 s ago")]
    [InlineData(65.0, "1m 05s ago")]
    public void Moment_of_the_past_is_told_by_how_long_ago_it_was(double? seconds, string text)
    {
        var now = new DateTimeOffset(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);
        Assert.Equal(text, DurationText.Ago(seconds is { } ago ? now.AddSeconds(-ago) : null, now));
    }

    [Fact]
    public void Sparkline_has_a_block_for_each_value_and_never_more_than_its_room()
    {
        var random = new Random(11);
        for (var attempt = 0; attempt < 500; attempt++)
        {
            var values = Enumerable.Range(0, random.Next(60)).Select(_ => (long)random.Next(1000)).ToArray();
            var width = random.Next(1, 30);
            var line = Charts.Sparkline(values, width);
            Assert.InRange(line.Length, Math.Min(1, values.Length), Math.Min(width, values.Length));
            Assert.All(line, block => Assert.InRange(block, '▁', '█'));
            if (values.Length <= width && values.Any(value => value > 0))
                Assert.Equal('█', line[values.Index().MaxBy(each => each.Item).Index]);
        }
    }

    [Fact]
    public void Chart_of_nothing_is_empty()
    {
        Assert.Equal("", Charts.Sparkline([], 12));
        Assert.Equal("", Charts.Sparkline([1], 0));
        Assert.Equal("▁▁▁", Charts.Sparkline([0, 0, 0], 12));
    }
}
