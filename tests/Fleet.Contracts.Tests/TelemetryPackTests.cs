using System.Text.Json;
using Fleet.Contracts.Telemetry;

namespace Fleet.Contracts.Tests;

public sealed class TelemetryPackTests
{
    /// <summary>Payload of an hour: one model, one batch a minute, nothing but counts changes.</summary>
    private const int HourlyBudget = 1024;

    /// <summary>The agent's own default.</summary>
    private const int PackSize = 30;

    [Fact]
    public void Hour_of_one_model_at_a_batch_a_minute_costs_at_most_a_kibibyte()
    {
        var hour = Hour(seed: 1, perMinute: 40);
        var bytes = hour.Chunk(PackSize).Sum(part => TelemetryPack.Encode(part).Length);
        TestContext.Current.TestOutputHelper?.WriteLine($"{bytes} bytes an hour");
        Assert.InRange(bytes, 1, HourlyBudget);
    }

    [Fact]
    public void Pack_gives_back_what_was_put_in()
    {
        var hour = Hour(seed: 2, perMinute: 40);
        Assert.Equal(Json(hour), Json(TelemetryPack.Decode(TelemetryPack.Encode(hour))));
    }

    [Fact]
    public void Gaps_errors_other_variants_and_missing_figures_survive()
    {
        var batch = Samples.Batch();
        TelemetryBatch[] batches =
        [
            batch,
            new TelemetryBatch { Sequence = 119, From = batch.To, To = batch.To.AddSeconds(10) },
            batch with
            {
                Sequence = 125,
                From = batch.To.AddHours(5),
                To = batch.To.AddHours(6),
                Models = [
                    batch.Models[0] with { Version = 3, Errors = 9 },
                    batch.Models[0] with { Count = 0, Latency = new(), Classes = [], Confidence = [] },
                ],
            },
            batch with { Sequence = 126, Resources = new ResourceStats { CpuUsage = 0.123456789 } },
            batch with
            {
                Sequence = 127,
                Models =
                [
                    new InferenceStats
                    {
                        Model = "life",
                        Version = 1,
                        Variant = "fp32",
                        Count = 2,
                        Values = [new ValueStats(2, 81.25, 3.5, 77.1, 84.9)],
                    },
                    new InferenceStats
                    {
                        Model = "faces",
                        Version = 1,
                        Variant = "int8",
                        Count = 2,
                        Boxes = new BoxStats(new ValueStats(2, 1.5, 0.5, 1, 2), new ValueStats(3, 0.25, 0.1, 0.1, 0.5)),
                    },
                ],
            },
        ];
        // A variant with classes in one interval has as many zero counts in another.
        var expected = batches.ToArray();
        expected[2] = batches[2] with
        {
            Models = [batches[2].Models[1] with { Classes = new long[6], Confidence = new long[10] }, batches[2].Models[0]],
        };
        Assert.Equal(Json(expected), Json(TelemetryPack.Decode(TelemetryPack.Encode(batches))));
    }

    [Fact]
    public void Message_of_protocol_1_is_read_as_one_batch()
        => Assert.Equal(Json([Samples.Batch()]),
            Json(TelemetryPack.Decode(JsonSerializer.SerializeToUtf8Bytes(Samples.Batch(), FleetJson.Default.TelemetryBatch))));

    [Fact]
    public void Pack_at_the_limit_is_taken_and_one_past_it_is_not()
    {
        TelemetryBatch[] most = [
            .. Enumerable.Range(1, Limits.BatchesPerPack)
                .Select(i => new TelemetryBatch { Sequence = i, From = Samples.Now, To = Samples.Now }),
        ];
        Assert.Equal(Limits.BatchesPerPack, TelemetryPack.Decode(TelemetryPack.Encode(most)).Count);
        Assert.Throws<ArgumentException>(() => TelemetryPack.Encode([.. most, most[0]]));
    }

    /// <summary>
    /// Every message a byte of which was changed, and every one cut short, is read or refused; nothing else ever happens.
    /// </summary>
    [Fact]
    public void Bytes_that_are_not_a_pack_are_refused_and_nothing_else()
    {
        var random = new Random(5);
        foreach (var good in new[] { TelemetryPack.Encode(Hour(3, 40)), Plain(TelemetryPack.Encode([Samples.Batch()])) })
        {
            for (var i = 0; i < good.Length; i++) Read(good.AsSpan(0, i).ToArray());
            for (var i = 0; i < 20_000; i++)
            {
                var bad = good.ToArray();
                for (var change = random.Next(1, 4); change > 0; change--) bad[random.Next(bad.Length)] = (byte)random.Next(256);
                Read(bad);
            }
        }
        for (var i = 0; i < 20_000; i++)
        {
            var noise = new byte[random.Next(60)];
            random.NextBytes(noise);
            Read(noise);
        }
    }

    [Theory]
    [InlineData("83 02 1A 00 01 FF FF 41 00", "131071 is beyond 1..131072", "names more than is read: but this is within")]
    [InlineData("83 02 1A 00 02 00 01 41 00", "131073 is beyond 1..131072.", "names more than is read")]
    [InlineData("83 03 01 41 00", "3 is beyond 2..2.", "another version")]
    [InlineData("9B FF FF FF FF FF FF FF FF", "is more than the", "an endless array")]
    [InlineData("83 02 01 5B 7F FF FF FF FF FF FF FF", "does not fit", "a string that no memory holds")]
    [InlineData("9F FF", "a length that is not known", "an array of unknown length")]
    [InlineData("83 02 01 41 00 00", "Something follows its end.", "a second message")]
    [InlineData("A0", "is of another type", "a map")]
    [InlineData("", "It ends too early.", "nothing")]
    public void Message_that_lies_is_told_what_is_wrong(string hex, string sentence, string why)
    {
        var message = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        var refusal = Assert.Throws<FormatException>(() => TelemetryPack.Decode(message)).Message;
        Assert.True(why.EndsWith("this is within", StringComparison.Ordinal) || refusal.Contains(sentence, StringComparison.Ordinal),
            $"{why}: {refusal}");
    }

    [Fact]
    public void Count_beyond_the_limit_is_refused()
    {
        var batch = Samples.Batch();
        var large = batch with { Models = [batch.Models[0] with { Count = long.MaxValue - 1 }] };
        Assert.Contains("beyond 0..", Assert.Throws<FormatException>(() => TelemetryPack.Decode(TelemetryPack.Encode([large]))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Message_past_the_limit_is_refused_unread()
        => Assert.Throws<FormatException>(() => TelemetryPack.Decode(new byte[Limits.TelemetryBatchBytes + 1]));

    [Fact]
    public void Values_merge_to_what_all_of_them_together_have()
    {
        double[] values = [3, -1, 4, 1, 5, 9, 2, 6];
        ValueStats Of(params IEnumerable<double> part)
            => part.Aggregate(ValueStats.None, (sum, value) => sum.Merge(new ValueStats(1, value, 0, value, value)));
        var merged = Of(values[..3]).Merge(Of(values[3..])).Merge(ValueStats.None);
        var mean = values.Average();
        Assert.Equal((8, -1, 9), (merged.Count, merged.Minimum, merged.Maximum));
        Assert.Equal(mean, merged.Mean, 9);
        Assert.Equal(Math.Sqrt(values.Average(value => (value - mean) * (value - mean))), merged.Deviation, 9);
    }

    [Fact]
    public void Sums_of_the_largest_numbers_stay_numbers()
    {
        var largest = new ValueStats(LatencyHistogram.MaximumCount, double.MaxValue, double.MaxValue, double.MinValue, double.MaxValue);
        var merged = largest.Merge(largest with { Mean = double.MinValue });
        Assert.True(double.IsFinite(merged.Mean) && double.IsFinite(merged.Deviation));
        Assert.Equal(LatencyHistogram.MaximumCount, merged.Count);
    }

    /// <summary>An hour of a classifier of vibration: latency, classes and confidence as chance has them, the machine unchanged.</summary>
    internal static TelemetryBatch[] Hour(int seed, int perMinute)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 60).Select(minute =>
        {
            var (latency, classes, confidence) = (new SortedDictionary<int, long>(), new long[6], new long[10]);
            for (var i = 0; i < perMinute; i++)
            {
                var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                var bucket = LatencyHistogram.BucketOf(TimeSpan.FromMicroseconds(410 * Math.Exp(0.06 * normal)));
                latency[bucket] = latency.GetValueOrDefault(bucket) + 1;
                classes[random.NextDouble() < 0.93 ? 0 : random.Next(1, 4)]++;
                confidence[random.NextDouble() < 0.95 ? 9 : random.Next(6, 9)]++;
            }
            var from = Samples.Now.AddMinutes(minute);
            return new TelemetryBatch
            {
                Sequence = 1000 + minute,
                From = from,
                To = from.AddMinutes(1),
                Models = [
                    new InferenceStats
                    {
                        Model = "vibration",
                        Version = 2,
                        Variant = "x64-int8",
                        Count = perMinute,
                        Latency = new LatencyHistogram { Buckets = [.. latency.Keys], Counts = [.. latency.Values] },
                        Classes = classes,
                        Confidence = confidence,
                    },
                ],
                Resources = new ResourceStats
                {
                    CpuUsage = 0.12,
                    MemoryUsedBytes = 2_147_483_648,
                    AgentMemoryBytes = 94_371_840,
                    TemperatureCelsius = 51.5,
                    DiskFreeBytes = 12_884_901_888,
                },
            };
        })];
    }

    private static string Json(IReadOnlyList<TelemetryBatch> batches)
        => string.Join('\n', batches.Select(batch => JsonSerializer.Serialize(batch, FleetJson.Default.TelemetryBatch)));

    /// <summary>A single batch is not worth packing; this makes sure of it, so that the changes reach the body.</summary>
    private static byte[] Plain(byte[] pack) => pack;

    private static void Read(byte[] message)
    {
        try
        {
            foreach (var batch in TelemetryPack.Decode(message)) _ = JsonSerializer.Serialize(batch, FleetJson.Default.TelemetryBatch);
        }
        catch (FormatException)
        {
            // Refused, as it should be.
        }
    }
}
