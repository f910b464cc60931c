using System.Diagnostics;
using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Settings;
using Fleet.Server.Storage;
using Fleet.Server.Telemetry;

namespace Fleet.Server.CrashWriter;

/// <summary>How much a store takes: writers that each wait for their answer before they write again, for some seconds.</summary>
internal static class Measurement
{
    private const int Devices = 2000;
    private const int PackSize = 20;
    private const int Messages = 100;

    /// <summary>What is measured is the store, not the share of a device.</summary>
    private static readonly FleetOptions Unbounded = new() { TelemetryBytesPerDay = long.MaxValue };

    /// <summary>
    /// Measures and prints a line: kind, writers, operations a second, and of an operation CPU in µs, bytes written and syncs. An
    /// operation is a commit of one document, or a batch that arrives as a device sends it.
    /// </summary>
    /// <param name="store">The store.</param>
    /// <param name="kind"><c>commits</c>, <c>batches</c> (a message each), or <c>packs</c> (twenty in a message).</param>
    /// <param name="writers">How many write at once.</param>
    /// <param name="time">For how long.</param>
    public static async Task RunAsync(LiteFleetStore store, string kind, int writers, TimeSpan time)
    {
        var size = kind == "packs" ? PackSize : 1;
        var inbox = new TelemetryInbox(store, new TelemetryBudget(store, Unbounded, TimeProvider.System));
        var messages = MessagesOf(size);
        var done = 0L;
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var (bytes, syncs) = (BytesWritten(), store.Syncs);
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, writers).Select(async writer =>
        {
            for (var n = 1L; watch.Elapsed < time; n++)
            {
                var place = writer + (n - 1) * writers;
                if (kind == "commits") await store.CommitAsync([StoreChange.Put($"counter-{writer:d5}", new Counter(n), n - 1)], default);
                else if (place < Devices * Messages) await SendAsync(inbox, place % Devices, messages[place / Devices]);
                else return;
                Interlocked.Add(ref done, size);
            }
        }));
        var seconds = watch.Elapsed.TotalSeconds;
        var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{kind} {writers} {done / seconds:0} {used.TotalMicroseconds / done:0} {(BytesWritten() - bytes) / done} "
                + $"{(double)(store.Syncs - syncs) / done:0.0000}"));
    }

    /// <summary>
    /// An hour of devices that send a batch a minute in packs of twenty, with a clock that is moved: CPU in µs and bytes written of a
    /// batch, its rollups included, and bytes it takes on disk afterwards.
    /// </summary>
    public static async Task HourAsync(Func<TimeProvider, LiteFleetStore> open, string path)
    {
        var clock = new Clock();
        var messages = MessagesOf(PackSize).Take(3).ToArray();
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var bytes = BytesWritten();
        await using (var store = open(clock))
        {
            var inbox = new TelemetryInbox(store, new TelemetryBudget(store, Unbounded, TimeProvider.System));
            for (var minute = 0; minute < 60; minute++, clock.Now += TimeSpan.FromMinutes(1))
            {
                // Each device at a minute of its own, as in a real fleet.
                for (var device = minute % PackSize; device < Devices; device += PackSize)
                    await SendAsync(inbox, device, messages[minute / PackSize]);
            }
        }
        var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        const int batches = Devices * 60;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"hour {Devices} {used.TotalMicroseconds / batches:0.0} {(BytesWritten() - bytes) / batches} "
                + $"{(double)new FileInfo(path).Length / batches:0.0}"));
    }

    private static async Task SendAsync(TelemetryInbox inbox, long device, byte[] message)
    {
        if (await inbox.HandleAsync(DeviceId.Parse($"dev-{device:d5}"), message, default) is { Reason: var problem })
            throw new InvalidOperationException(problem);
    }

    private static byte[][] MessagesOf(int size)
        => [
            .. Enumerable.Range(0, Messages)
                .Select(message => TelemetryPack.Encode([.. Enumerable.Range(1 + message * size, size).Select(n => Batch(n))])),
        ];

    /// <summary>About 640 bytes as JSON, of a minute.</summary>
    private static TelemetryBatch Batch(long sequence)
    {
        var from = Clock.Start.AddMinutes(sequence);
        return new TelemetryBatch
        {
            Sequence = sequence,
            From = from,
            To = from.AddMinutes(1),
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

    private sealed class Clock : TimeProvider
    {
        public static readonly DateTimeOffset Start = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

        public DateTimeOffset Now { get; set; } = Start;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
