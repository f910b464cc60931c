using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.TestKit;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Benchmarks;

/// <summary>
/// What an hour of telemetry weighs in each form. The batches are real in what is hard to pack: the latencies of an int8 MCUNet on
/// this machine and what it decides; sixty batches of forty inferences each, one for each minute.
/// </summary>
internal static class TelemetrySizeBenchmark
{
    private const int Minutes = 60;
    private const int PerMinute = 40;
    private const long MaximumBytes = 1 << 24;

    public static Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var hour = Measure(cancellationToken);
        var table = new StringBuilder("| Form | messages | bytes an hour | of JSON |\n|---|--:|--:|--:|\n");
        var json = hour.Sum(batch => (long)Json([batch]).Length);
        void Row(string form, int size, Func<IReadOnlyList<TelemetryBatch>, byte[]> encode)
        {
            var bytes = hour.Chunk(size).Sum(part => (long)encode(part).Length);
            table.Append(CultureInfo.InvariantCulture,
                $"| {form} | {(Minutes + size - 1) / size} | {bytes:N0} | {100.0 * bytes / json:0.0} % |\n");
        }
        Row("JSON, a batch each (protocol 1)", 1, Json);
        Row("JSON, a batch each, deflate", 1, part => Deflate(Json(part)));
        Row("JSON, a batch each, brotli", 1, part => Brotli(Json(part)));
        Row("CBOR pack, a batch each", 1, TelemetryPack.Encode);
        foreach (var size in new[] { 15, 20, 30, 60 })
        {
            Row($"JSON, {size} batches, deflate", size, part => Deflate(Json(part)));
            Row($"JSON, {size} batches, brotli", size, part => Brotli(Json(part)));
            Row($"CBOR pack, {size} batches", size, TelemetryPack.Encode);
        }
        var changed = hour.Select((batch, i) =>
            batch with
            {
                Resources = batch.Resources! with
                {
                    CpuUsage = 0.1 + 0.1 * (i % 7),
                    MemoryUsedBytes = 2_000_000_000 + 150_000_000L * (i % 5),
                },
            }).ToArray();
        table.Append(CultureInfo.InvariantCulture,
            $"| CBOR pack, 20 batches, processor and memory moving every minute | 3 | "
                + $"{changed.Chunk(20).Sum(part => TelemetryPack.Encode(part).Length):N0} | |\n");
        return Task.FromResult($"One model, a batch a minute, {PerMinute} inferences each, the machine unchanged. Payload only: MQTT adds "
            + $"about 50 bytes a message, TLS 30.\n\n{table}");
    }

    private static TelemetryBatch[] Measure(CancellationToken cancellationToken)
    {
        var folder = SharedData.PathOf("onnx-deeploy", "hist-MCUNet");
        using var file = File.OpenRead(Path.Combine(folder, "inputs.npz"));
        var golden = NpzArchive.Read(file, MaximumBytes).Values.First();
        using var session = OnnxRuntimeSession.Open(Path.Combine(folder, "network.onnx"));
        using var options = new RunOptions();
        using var input = OrtValue.CreateAllocatedTensorValue(
            OrtAllocator.DefaultInstance, TensorElementType.Float, [.. golden.Shape.Select(extent => (long)extent)]);
        var (values, random, start) = (golden.ToSingles(), new Random(1), new DateTimeOffset(2026, 11, 27, 12, 0, 0, TimeSpan.Zero));
        var batches = new TelemetryBatch[Minutes];
        for (var minute = 0; minute < Minutes; minute++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (latency, classes, confidence) = (new SortedDictionary<int, long>(), new SortedDictionary<int, long>(), new long[10]);
            var width = 0;
            for (var i = 0; i < PerMinute; i++)
            {
                var tensor = input.GetTensorMutableDataAsSpan<float>();
                for (var at = 0; at < values.Length; at++) tensor[at] = values[at] + (float)(random.NextDouble() - 0.5);
                var began = Stopwatch.GetTimestamp();
                using var outputs = session.Run(options, [session.InputNames[0]], [input], [session.OutputNames[0]]);
                var bucket = LatencyHistogram.BucketOf(Stopwatch.GetElapsedTime(began));
                latency[bucket] = latency.GetValueOrDefault(bucket) + 1;
                var scores = outputs[0].GetTensorDataAsSpan<float>();
                width = scores.Length;
                var decided = ClassificationScore.Decide(scores);
                classes[decided] = classes.GetValueOrDefault(decided) + 1;
                var sum = 0.0;
                foreach (var score in scores) sum += Math.Exp(score - scores[decided]);
                confidence[Math.Clamp((int)(10 / sum), 0, 9)]++;
            }
            var decisions = new long[width];
            foreach (var (decided, count) in classes) decisions[decided] = count;
            batches[minute] = new TelemetryBatch
            {
                Sequence = 1000 + minute,
                From = start.AddMinutes(minute),
                To = start.AddMinutes(minute + 1),
                Models =
                [
                    new InferenceStats
                    {
                        Model = "mcunet", Version = 3, Variant = "x64-int8", Count = PerMinute, Classes = decisions,
                        Confidence = confidence,
                        Latency = new LatencyHistogram { Buckets = [.. latency.Keys], Counts = [.. latency.Values] },
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
        }
        return batches;
    }

    private static byte[] Json(IReadOnlyList<TelemetryBatch> batches)
        => Encoding.UTF8.GetBytes(
            string.Join('\n', batches.Select(batch => JsonSerializer.Serialize(batch, FleetJson.Default.TelemetryBatch))));

    private static byte[] Deflate(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var stream = new DeflateStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) stream.Write(plain);
        return packed.ToArray();
    }

    private static byte[] Brotli(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var stream = new BrotliStream(packed, CompressionLevel.SmallestSize, leaveOpen: true)) stream.Write(plain);
        return packed.ToArray();
    }
}
