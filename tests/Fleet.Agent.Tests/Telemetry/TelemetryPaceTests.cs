using Fleet.Agent.Telemetry;
using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Tests.Telemetry;

public sealed class TelemetryPaceTests
{
    private readonly TelemetryPace _pace = new();

    [Fact]
    public void Only_counts_that_change_may_wait()
    {
        Assert.True(_pace.IsUrgent(Batch(40, 410)), "the first batch shows that the device lives");
        Assert.False(_pace.IsUrgent(Batch(43, 420)));
        Assert.False(_pace.IsUrgent(Batch(0, 0) with { Models = [] }));
        Assert.False(_pace.IsUrgent(Batch(3, 4000)), "a median of three says nothing");
        Assert.True(_pace.IsUrgent(Batch(40, 410, errors: 1)));
        Assert.True(_pace.IsUrgent(Batch(40, 410, variant: "x64-fp16")));
    }

    [Fact]
    public void Median_time_that_moves_is_news_once()
    {
        _pace.IsUrgent(Batch(40, 410));
        Assert.True(_pace.IsUrgent(Batch(40, 1230)));
        Assert.False(_pace.IsUrgent(Batch(40, 1230)));
        Assert.True(_pace.IsUrgent(Batch(40, 410)));
    }

    [Fact]
    public void Median_time_that_drifts_is_news_in_the_end()
    {
        var told = Enumerable.Range(0, 20).Select(step => _pace.IsUrgent(Batch(40, 400 * Math.Pow(1.05, step)))).ToArray();
        Assert.Contains(true, told[1..]);
    }

    [Fact]
    public void Machine_that_hardly_moved_is_told_as_before()
    {
        ResourceStats Machine(double cpu, long memory, long agent, double celsius, long? disk) => new()
        {
            CpuUsage = cpu,
            MemoryUsedBytes = memory,
            AgentMemoryBytes = agent,
            TemperatureCelsius = celsius,
            DiskFreeBytes = disk,
        };
        var told = Machine(0.12, 1000, 100, 50, 1000);
        var now = Machine(0.15, 1049, 106, 52.5, null);
        Assert.Equal(Machine(0.12, 1000, 106, 52.5, null), TelemetryPace.Steady(told, now));
        Assert.Same(now, TelemetryPace.Steady(null, now));
    }

    private static TelemetryBatch Batch(long count, double microseconds, long errors = 0, string variant = "x64-int8") => new()
    {
        Sequence = 1,
        From = DateTimeOffset.UnixEpoch,
        To = DateTimeOffset.UnixEpoch,
        Models =
        [
            new InferenceStats
            {
                Model = "m",
                Version = 1,
                Variant = variant,
                Count = count,
                Errors = errors,
                Latency = count == 0 ? new LatencyHistogram() : new LatencyHistogram
                {
                    Buckets = [LatencyHistogram.BucketOf(TimeSpan.FromMicroseconds(microseconds))],
                    Counts = [count],
                },
            },
        ],
    };
}
