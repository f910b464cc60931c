using System.Globalization;
using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Storage;

/// <summary>A document of the tests.</summary>
internal sealed record Note(string Text, int Number = 0);

/// <summary>Another, to show that types do not meet.</summary>
internal sealed record Counter(long Value);

[JsonSerializable(typeof(Note))]
[JsonSerializable(typeof(Counter))]
internal sealed partial class TestJson : JsonSerializerContext;

/// <summary>A real store that can be closed and opened again, written to by a process that is killed, and run out of space.</summary>
internal abstract class TestStore : IAsyncDisposable
{
    public static readonly DeviceId Device = DeviceId.Parse("dev-1");

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.Parse("2026-11-23T12:00:00Z", CultureInfo.InvariantCulture));

    public abstract IFleetStore Store { get; }

    /// <summary>Closes the store and opens it again.</summary>
    public abstract Task ReopenAsync();

    /// <summary>Closes the store, so that another process may have it.</summary>
    public abstract Task CloseAsync();

    /// <summary>How the crash writer is told of this store.</summary>
    public abstract string[] WriterArguments { get; }

    /// <summary>The disk it is on, when that is a small one which a test may fill.</summary>
    public virtual SmallDisk? Disk => null;

    /// <summary>Such a store on a small disk.</summary>
    public abstract TestStore OnSmallDisk(long reserve);

    /// <summary>A batch of the ten seconds that end now.</summary>
    public TelemetryBatch Batch(long sequence, int classes = 0) => new()
    {
        Sequence = sequence,
        From = Clock.GetUtcNow().AddSeconds(-10),
        To = Clock.GetUtcNow(),
        Models = [
            new InferenceStats
            {
                Model = "m",
                Version = 1,
                Variant = "x64-int8",
                Count = sequence,
                Classes = [.. Enumerable.Repeat(7L, classes)],
            },
        ],
    };

    public abstract ValueTask DisposeAsync();
}

/// <summary>How tests say a batch.</summary>
internal static class TestStoreExtensions
{
    /// <summary>Stores a batch as a message of its own.</summary>
    /// <returns>False when it was already there.</returns>
    public static async Task<bool> AppendSamplesAsync(
        this IFleetStore store, DeviceId device, TelemetryBatch batch, CancellationToken cancellationToken)
        => await store.AppendSamplesAsync(device, new TelemetryMessage(TelemetryBlock.Encode(batch), [batch]), cancellationToken) == 1;
}

/// <summary>The embedded store on a folder of its own.</summary>
internal sealed class LiteTestStore : TestStore
{
    private readonly TemporaryFolder? _folder;
    private readonly SmallDisk? _disk;
    private readonly DocumentType[] _types;
    private readonly LiteStoreSettings _settings;
    private LiteFleetStore _store;

    public LiteTestStore(params DocumentType[] types) : this(new TemporaryFolder(), null, 0, types)
    {
    }

    private LiteTestStore(TemporaryFolder? folder, SmallDisk? disk, long reserve, DocumentType[] types)
    {
        (_folder, _disk) = (folder, disk);
        _types = [.. types, new DocumentType("note", TestJson.Default.Note), new DocumentType("counter", TestJson.Default.Counter)];
        _settings = new LiteStoreSettings
        {
            Path = Path.Combine(folder?.Path ?? disk!.Path, "fleet.db"),
            FreeSpaceReserve = reserve,
            CheckpointPages = 256,
        };
        _store = Open();
    }

    public override IFleetStore Store => _store;

    public override SmallDisk? Disk => _disk;

    public override string[] WriterArguments => ["lite", _settings.Path, _settings.FreeSpaceReserve.ToString(CultureInfo.InvariantCulture)];

    public override TestStore OnSmallDisk(long reserve) => new LiteTestStore(null, SmallDisk.Mount(), reserve, []);

    public override async Task ReopenAsync()
    {
        await CloseAsync();
        _store = Open();
    }

    public override async Task CloseAsync() => await _store.DisposeAsync();

    public override async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _folder?.Dispose();
        _disk?.Dispose();
    }

    private LiteFleetStore Open() => new(_settings, _types, Clock, NullLogger<LiteFleetStore>.Instance);
}
