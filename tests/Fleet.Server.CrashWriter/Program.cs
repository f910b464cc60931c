using System.Globalization;
using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Server.CrashWriter;

/// <summary>Two documents that must always hold the same number: half a commit would show.</summary>
internal sealed record Counter(long Value);

[JsonSerializable(typeof(Counter))]
internal sealed partial class CounterJson : JsonSerializerContext;

/// <summary>
/// Writes from several tasks at once and says on standard output what the store has acknowledged or refused, a line each.
/// </summary>
internal static class Program
{
    private const int Writers = 4;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(20);

    public static async Task Main(string[] args)
    {
        DocumentType[] types = [new DocumentType("counter", CounterJson.Default.Counter)];
        if (args is not ["lite", var path, var reserve, ..])
            throw new ArgumentException(
                "Usage: crash-writer lite PATH RESERVE [measure commits|batches|packs WRITERS SECONDS | measure hour]");
        LiteFleetStore Open(TimeProvider time) => new(
            new LiteStoreSettings { Path = path, FreeSpaceReserve = long.Parse(reserve, CultureInfo.InvariantCulture) }, types,
            time, NullLogger<LiteFleetStore>.Instance);
        if (args is [_, _, _, "measure", "hour"])
        {
            await Measurement.HourAsync(Open, path);
            return;
        }
        await using var store = Open(TimeProvider.System);
        if (args is [_, _, _, "measure", var kind, var writers, var seconds])
        {
            await Measurement.RunAsync(store, kind, int.Parse(writers, CultureInfo.InvariantCulture),
                TimeSpan.FromSeconds(int.Parse(seconds, CultureInfo.InvariantCulture)));
            return;
        }
        using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        var line = new Lock();
        void Say(FormattableString text) { lock (line) output.WriteLine(text.ToString(CultureInfo.InvariantCulture)); }

        // What may be retried is retried unchanged, as devices and operators do.
        async Task UntilStoredAsync(int writer, Func<Task> write)
        {
            while (true)
            {
                try
                {
                    await write();
                    return;
                }
                catch (StoreException e) when (e.MayBeRetried)
                {
                    Say($"refused {writer} {e.Message}");
                    await Task.Delay(RetryDelay);
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            var device = DeviceId.Parse($"dev-{writer}");
            for (var n = 1L; ; n++)
            {
                var number = n;
                await UntilStoredAsync(writer, () => store.CommitAsync(
                    [
                        StoreChange.Put($"left-{writer}", new Counter(number), number - 1),
                        StoreChange.Put($"right-{writer}", new Counter(number), number - 1),
                    ], default));
                Say($"commit {writer} {n}");
                var at = DateTimeOffset.UtcNow;
                await UntilStoredAsync(writer,
                    () => store.AppendSamplesAsync(device, MessageOf(number, at), default));
                Say($"sample {writer} {n}");
            }
        }));
    }

    private static TelemetryMessage MessageOf(long sequence, DateTimeOffset at)
    {
        TelemetryBatch[] batches =
        [
            new TelemetryBatch
            {
                Sequence = sequence,
                From = at.AddSeconds(-10),
                To = at,
                Models = [new InferenceStats { Model = "m", Version = 1, Variant = "v", Count = 1 }],
            },
        ];
        return new TelemetryMessage(TelemetryPack.Encode(batches), batches);
    }
}
