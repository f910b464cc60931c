using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Storage;

/// <summary>A document of the tests.</summary>
internal sealed record Note(string Text, int Number = 0);

/// <summary>Another, to show that types do not meet.</summary>
internal sealed record Counter(long Value);

[JsonSerializable(typeof(Note))]
[JsonSerializable(typeof(Counter))]
internal sealed partial class TestJson : JsonSerializerContext;

/// <summary>A real store on a folder of its own, which can be closed and opened again.</summary>
internal sealed class TestStore : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleet-store-").FullName;

    private readonly DocumentType[] _types;

    public TestStore(params DocumentType[] types)
    {
        _types = [.. types, new DocumentType("note", TestJson.Default.Note), new DocumentType("counter", TestJson.Default.Counter)];
        Store = Open();
    }

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.Parse("2026-11-23T12:00:00Z", System.Globalization.CultureInfo.InvariantCulture));

    public string File => Path.Combine(_folder, "fleet.db");

    public LiteFleetStore Store { get; private set; }

    public async Task ReopenAsync()
    {
        await Store.DisposeAsync();
        Store = Open();
    }

    /// <summary>A batch of the ten seconds that end now.</summary>
    public TelemetryBatch Batch(long sequence, int classes = 0) => new()
    {
        Sequence = sequence,
        From = Clock.GetUtcNow().AddSeconds(-10),
        To = Clock.GetUtcNow(),
        Models = [new InferenceStats { Model = "m", Version = 1, Variant = "x64-int8", Count = sequence, Classes = [.. Enumerable.Repeat(7L, classes)] }],
    };

    public static readonly DeviceId Device = DeviceId.Parse("dev-1");

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private LiteFleetStore Open() => new(File, _types, Clock);
}
