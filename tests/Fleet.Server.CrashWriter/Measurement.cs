using System.Diagnostics;
using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;

namespace Fleet.Server.CrashWriter;

/// <summary>How much a store takes: writers that each wait for their answer before they write again, for some seconds.</summary>
internal static class Measurement
{
    private const int Devices = 2000;

    /// <summary>
    /// Measures and prints a line: kind, writers, operations a second, CPU an operation in µs, bytes written an operation.
    /// </summary>
    public static async Task RunAsync(IFleetStore store, string kind, int writers, TimeSpan time)
    {
        var done = 0L;
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var bytes = BytesWritten();
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, writers).Select(async writer =>
        {
            for (var n = 1L; watch.Elapsed < time; n++)
            {
                if (kind == "commits") await store.CommitAsync([StoreChange.Put($"counter-{writer:d5}", new Counter(n), n - 1)], default);
                else await store.AppendSamplesAsync(
                    DeviceId.Parse($"dev-{(writer + n * writers) % Devices:d5}"), Batch((writer + n * writers) / Devices + 1), default);
                Interlocked.Increment(ref done);
            }
        }));
        var seconds = watch.Elapsed.TotalSeconds;
        var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{kind} {writers} {done / seconds:0} {used.TotalMicroseconds / done:0} {(BytesWritten() - bytes) / done}"));
    }

    /// <summary>About 640 bytes as JSON, as a device sends every ten seconds.</summary>
    private static TelemetryBatch Batch(long sequence)
    {
        var now = TimeProvider.System.GetUtcNow();
        return new TelemetryBatch
        {
            Sequence = sequence,
            From = now.AddSeconds(-10),
            To = now,
            Models =
            [
                new InferenceStats
                {
                    Model = "speech",
                    Version = 7,
                    Variant = "x64-int8",
                    Count = 1000 + sequence % 50,
                    Classes = [.. Enumerable.Range(0, 10).Select(n => 90 + (sequence * n) % 21)],
                    Confidence = [.. Enumerable.Range(0, 10).Select(n => (sequence + n) % 200)],
                    Latency = new LatencyHistogram
                    {
                        Buckets = [.. Enumerable.Range(100, 20)],
                        Counts = [.. Enumerable.Range(0, 20).Select(n => 40 + (sequence * n) % 31)],
                    },
                },
            ],
            Resources = new ResourceStats
            {
                CpuUsage = 0.5,
                MemoryUsedBytes = 1 << 30,
                AgentMemoryBytes = 30 << 20,
                TemperatureCelsius = 51,
                DiskFreeBytes = 1L << 34,
            },
        };
    }

    private static long BytesWritten()
        => long.Parse(File.ReadLines("/proc/self/io").First(line => line.StartsWith("wchar", StringComparison.Ordinal)).Split(' ')[1],
            CultureInfo.InvariantCulture);
}
