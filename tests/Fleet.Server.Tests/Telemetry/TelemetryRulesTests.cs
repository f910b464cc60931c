using Fleet.Contracts;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Telemetry;

namespace Fleet.Server.Tests.Telemetry;

/// <summary>Which batches are taken, each rule at its border and one past it.</summary>
public sealed class TelemetryRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly InferenceStats Stats = new()
    {
        Model = "speech",
        Version = 1,
        Variant = "x64-int8",
        Count = 3,
        Latency = new LatencyHistogram { Buckets = [10, 20], Counts = [1, 2] },
        Classes = [1, 2],
        Confidence = [0, 0, 0, 0, 0, 0, 0, 0, 1, 2],
    };

    private static readonly Dictionary<string, (TelemetryBatch Allowed, TelemetryBatch Refused, string Says)> Rows = new()
    {
        ["sequence"] = (Batch() with { Sequence = 0 }, Batch() with { Sequence = -1 }, "sequence -1 is beyond"),
        ["largest sequence"] = (Batch() with { Sequence = 1L << 53 }, Batch() with { Sequence = long.MaxValue },
            "sequence 9223372036854775807 is beyond"),
        ["variant"] = (Batch(Stats), Batch(Stats with { Variant = "x64\u001b[2J" }), "of speech must be 1 to 64"),
        ["version"] = (Batch(Stats with { Version = 0 }), Batch(Stats with { Version = -1 }), "version -1 of speech is negative"),
        ["range of a value"] = (Batch(Stats with { Values = [new ValueStats(1, 1, 0, 1, 1)] }),
            Batch(Stats with { Values = [new ValueStats(1, 1, 0, 2, 1)] }), "a range that cannot be"),
        ["largest count of a bucket"] = (Latency([1], [LatencyHistogram.MaximumCount]), Latency([1], [LatencyHistogram.MaximumCount + 1]),
            "a count in the histogram of speech is beyond"),
        ["processors"] = (Machine(new() { CpuUsage = 1 }), Machine(new() { CpuUsage = 7.5 }), "in use, 7.5, is beyond 0..1"),
        ["temperature"] = (Machine(new() { TemperatureCelsius = 1000 }), Machine(new() { TemperatureCelsius = 1e300 }), "its temperature"),
        ["memory"] = (Machine(new() { MemoryUsedBytes = 0 }), Machine(new() { MemoryUsedBytes = -1 }), "-1 bytes of the machine"),
        ["memory of the agent"] = (Machine(new() { AgentMemoryBytes = 1L << 60 }), Machine(new() { AgentMemoryBytes = long.MaxValue }),
            "9223372036854775807 bytes of the machine"),
        ["disk"] = (Machine(new() { DiskFreeBytes = 1 }), Machine(new() { DiskFreeBytes = long.MinValue }),
            "bytes of the machine are beyond"),
        ["time"] = (Batch() with { To = Now }, Batch() with { To = Now.AddTicks(-1) }, "before it begins at"),
        ["models"] = (Batch(Many(Limits.ModelsPerDevice)), Batch(Many(Limits.ModelsPerDevice + 1)), "it names 17 models"),
        ["name"] = (Batch(Stats), Batch(Stats with { Model = "Speech" }), "model 'Speech' must be"),
        ["count"] = (Batch(Stats with { Count = 0 }), Batch(Stats with { Count = -1 }), "the counts of speech are negative"),
        ["errors"] = (Batch(Stats with { Errors = 0 }), Batch(Stats with { Errors = -1 }), "the counts of speech are negative"),
        ["largest count"] = (Batch(Stats with { Count = LatencyHistogram.MaximumCount }),
            Batch(Stats with { Count = LatencyHistogram.MaximumCount + 1 }), "a count of speech is beyond 1,000,000,000,000"),
        ["largest count of a class"] = (Batch(Stats with { Classes = [LatencyHistogram.MaximumCount] }),
            Batch(Stats with { Classes = [LatencyHistogram.MaximumCount + 1] }), "a count of speech is beyond"),
        ["classes"] = (Batch(Stats with { Classes = new long[65_536] }), Batch(Stats with { Classes = new long[65_537] }),
            "speech counts 65537 classes; at most 65536 are kept"),
        ["classes of all models"] = (
            Batch(Stats with { Classes = new long[65_534] }, Stats), Batch(Stats with { Classes = new long[65_535] }, Stats),
            "its models count 65537 classes; at most 65536 are kept"),
        ["values"] = (Batch(Stats with { Values = Values(16) }), Batch(Stats with { Values = Values(17) }),
            "speech tallies 17 values; at most 16 are kept"),
        ["count of a value"] = (Batch(Stats with { Values = [new ValueStats(0, 0, 0, 0, 0)] }),
            Batch(Stats with { Values = [new ValueStats(-1, 0, 0, 0, 0)] }), "a count, a deviation or a range that cannot be"),
        ["deviation of boxes"] = (Boxes(deviation: 0), Boxes(deviation: -0.1), "a count, a deviation or a range that cannot be"),
        ["as many counts as buckets"] = (Latency([1], [1]), Latency([1], [1, 2]), "has 1 buckets and 2 counts"),
        ["first bucket"] = (Latency([0], [1]), Latency([-1], [1]), "has a bucket beyond"),
        ["last bucket"] = (Latency([LatencyHistogram.LastBucket], [1]), Latency([LatencyHistogram.LastBucket + 1], [1]), "a bucket beyond"),
        ["order of buckets"] = (Latency([1, 2], [1, 1]), Latency([2, 1], [1, 1]), "the buckets of speech do not ascend"),
        ["bucket twice"] = (Latency([1, 2], [1, 1]), Latency([2, 2], [1, 1]), "the buckets of speech do not ascend"),
        ["count of a bucket"] = (Latency([1], [0]), Latency([1], [-1]), "a count of speech is below zero"),
        ["count of a class"] = (Batch(Stats with { Classes = [0] }), Batch(Stats with { Classes = [-1] }), "is below zero"),
        ["confidence"] = (Batch(Stats with { Confidence = [] }), Batch(Stats with { Confidence = new long[9] }),
            "the confidence of speech has 9 counts; it must have 10 or none"),
    };

    public static TheoryData<string> Rules => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Rules))]
    public void Batch_is_taken_at_the_limit_and_not_past_it(string rule)
    {
        Assert.Null(TelemetryRules.ProblemOf(Rows[rule].Allowed));
        Assert.Contains(Rows[rule].Says, TelemetryRules.ProblemOf(Rows[rule].Refused), StringComparison.Ordinal);
    }

    [Fact]
    public void First_model_that_is_wrong_is_the_one_that_is_told()
        => Assert.Contains("'B!'", TelemetryRules.ProblemOf(Batch(Stats, Stats with { Model = "B!" }, Stats with { Model = "C!" })),
            StringComparison.Ordinal);

    [Fact]
    public void Batch_without_models_says_that_the_device_lives() => Assert.Null(TelemetryRules.ProblemOf(Batch()));

    private static TelemetryBatch Batch(params InferenceStats[] models)
        => new() { Sequence = 1, From = Now, To = Now.AddSeconds(10), Models = models };

    private static TelemetryBatch Machine(ResourceStats machine) => Batch() with { Resources = machine };

    private static TelemetryBatch Latency(int[] buckets, long[] counts)
        => Batch(Stats with { Latency = new LatencyHistogram { Buckets = buckets, Counts = counts } });

    private static TelemetryBatch Boxes(double deviation)
        => Batch(Stats with { Boxes = new BoxStats(new ValueStats(1, 1, 0, 1, 1), new ValueStats(1, 1, deviation, 1, 1)) });

    private static InferenceStats[] Many(int count) => [.. Enumerable.Range(0, count).Select(i => Stats with { Model = $"m{i}" })];

    private static ValueStats[] Values(int count) => [.. Enumerable.Repeat(new ValueStats(1, 0, 0, 0, 0), count)];
}
