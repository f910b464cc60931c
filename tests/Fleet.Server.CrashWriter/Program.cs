using System.Globalization;
using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;

namespace Fleet.Server.CrashWriter;

/// <summary>Two documents that must always hold the same number: half a commit would show.</summary>
internal sealed record Counter(long Value);

[JsonSerializable(typeof(Counter))]
internal sealed partial class CounterJson : JsonSerializerContext;

/// <summary>Writes from several tasks at once and says on standard output what the store has acknowledged, a line each.</summary>
internal static class Program
{
    private const int Writers = 4;

    public static async Task Main(string[] args)
    {
        await using var store = new LiteFleetStore(args[0], [new DocumentType("counter", CounterJson.Default.Counter)], TimeProvider.System);
        using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        var line = new Lock();
        void Say(FormattableString text) { lock (line) output.WriteLine(text.ToString(CultureInfo.InvariantCulture)); }

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            var device = DeviceId.Parse($"dev-{writer}");
            for (var n = 1L; ; n++)
            {
                await store.CommitAsync(
                    [StoreChange.Put($"left-{writer}", new Counter(n), n - 1), StoreChange.Put($"right-{writer}", new Counter(n), n - 1)], default);
                Say($"commit {writer} {n}");
                var at = DateTimeOffset.UtcNow;
                await store.AppendSamplesAsync(device, new TelemetryBatch { Sequence = n, From = at.AddSeconds(-10), To = at }, default);
                Say($"sample {writer} {n}");
            }
        }));
    }
}
