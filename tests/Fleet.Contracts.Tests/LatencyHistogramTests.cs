using System.Text.Json;
using CsCheck;
using Fleet.Contracts.Telemetry;

namespace Fleet.Contracts.Tests;

public sealed class LatencyHistogramTests
{
    private static readonly Gen<TimeSpan> Duration = Gen.OneOf(Gen.Long[0, 1000], Gen.Long[0, 100_000_000], Gen.Long[0, long.MaxValue / 10])
        .Select(microseconds => TimeSpan.FromTicks(microseconds * TimeSpan.TicksPerMicrosecond));

    private static readonly Gen<LatencyHistogram> Histogram = Duration.List[0, 60].Select(Of);

    [Fact]
    public void Merging_in_any_order_gives_the_same() => Gen.Select(Histogram, Histogram).Sample((a, b) => Same(a.Merge(b), b.Merge(a)));

    [Fact]
    public void Merging_in_any_grouping_gives_the_same()
        => Gen.Select(Histogram, Histogram, Histogram).Sample((a, b, c) => Same(a.Merge(b).Merge(c), a.Merge(b.Merge(c))));

    [Fact]
    public void Merged_histogram_holds_what_both_hold()
        => Gen.Select(Duration.List[0, 60], Duration.List[0, 60]).Sample((a, b) => Same(Of(a).Merge(Of(b)), Of([.. a, .. b])));

    [Fact]
    public void Empty_histogram_changes_nothing_and_has_no_percentile()
    {
        Histogram.Sample(a => Same(a.Merge(new LatencyHistogram()), a));
        Assert.Equal(TimeSpan.Zero, new LatencyHistogram().Percentile(0.95));
    }

    [Fact]
    public void Percentile_is_never_too_low_and_at_most_a_sixteenth_too_high()
        => Gen.Select(Duration.List[1, 200], Gen.Double[0, 1]).Sample((durations, quantile) =>
        {
            var exact = durations.Order().ElementAt((int)Math.Max(1, Math.Ceiling(quantile * durations.Count)) - 1);
            var read = Of(durations).Percentile(quantile);
            return read >= exact && (read - exact).TotalMicroseconds <= exact.TotalMicroseconds / 16;
        });

    [Fact]
    public void Every_duration_lies_in_its_bucket_and_not_in_the_one_before()
        => Duration.Sample(duration => LatencyHistogram.BucketOf(duration) is var bucket
            && duration <= LatencyHistogram.UpperBoundOf(bucket)
            && (bucket == 0 || duration > LatencyHistogram.UpperBoundOf(bucket - 1)));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(15, 15)]
    [InlineData(16, 16)]
    [InlineData(31, 31)]
    [InlineData(32, 32)]
    [InlineData(33, 32)]
    [InlineData(1000, 111)]
    public void Layout_is_part_of_the_wire_and_does_not_move(long microseconds, int bucket)
        => Assert.Equal(bucket, LatencyHistogram.BucketOf(TimeSpan.FromMicroseconds(microseconds)));

    [Fact]
    public void Clock_that_went_backwards_counts_as_no_time() => Assert.Equal(0, LatencyHistogram.BucketOf(TimeSpan.FromSeconds(-1)));

    [Theory]
    [InlineData("""{"buckets":[1,2],"counts":[1]}""")]
    [InlineData("""{"buckets":[1],"counts":[1,2]}""")]
    [InlineData("""{"buckets":[2,1],"counts":[1,1]}""")]
    [InlineData("""{"buckets":[1,1],"counts":[1,1]}""")]
    [InlineData("""{"buckets":[-1],"counts":[1]}""")]
    [InlineData("""{"buckets":[2147483647],"counts":[1]}""")]
    [InlineData("""{"buckets":[1],"counts":[-1]}""")]
    [InlineData("""{"buckets":[1],"counts":[9223372036854775807]}""")]
    public void Text_that_is_not_a_histogram_does_not_parse(string json)
        => Assert.Throws<JsonException>(() =>
            JsonSerializer.Deserialize(
                $$$"""{"model":"m","version":1,"variant":"v","latency":{{{json}}}}""", FleetJson.Default.InferenceStats));

    [Fact]
    public void Largest_counts_that_parse_still_add_up()
    {
        var largest = new LatencyHistogram
        {
            Buckets = [5, LatencyHistogram.LastBucket],
            Counts = [LatencyHistogram.MaximumCount, LatencyHistogram.MaximumCount],
        };
        var json = JsonSerializer.Serialize(
            new InferenceStats { Model = "m", Version = 1, Variant = "v", Latency = largest }, FleetJson.Default.InferenceStats);
        var merged = Enumerable.Repeat(JsonSerializer.Deserialize(json, FleetJson.Default.InferenceStats)!.Latency, 1000)
            .Aggregate((a, b) => a.Merge(b));
        Assert.Equal(2000 * LatencyHistogram.MaximumCount, merged.Total());
        Assert.Equal(TimeSpan.FromMicroseconds(5), merged.Percentile(0.5));
    }

    private static LatencyHistogram Of(List<TimeSpan> durations)
    {
        var counts = durations.GroupBy(LatencyHistogram.BucketOf).OrderBy(group => group.Key).ToList();
        return new LatencyHistogram
        {
            Buckets = [.. counts.Select(group => group.Key)],
            Counts = [.. counts.Select(group => (long)group.Count())],
        };
    }

    private static bool Same(LatencyHistogram a, LatencyHistogram b)
        => a.Buckets.SequenceEqual(b.Buckets) && a.Counts.SequenceEqual(b.Counts);
}
