using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Storage;

/// <summary>The embedded store.</summary>
public sealed class LiteStoreTests : StoreTests
{
    /// <summary>Rollups waited in memory for the clock to reach the time of the batch, and were made again at every start.</summary>
    [Fact]
    public async Task Rollups_are_written_after_their_time_whatever_the_clock_did()
    {
        using var folder = new TemporaryFolder();
        var clock = new WrongClock { Ahead = TimeSpan.FromDays(800) };
        await using var store = new LiteFleetStore(
            new LiteStoreSettings { Path = folder["fleet.db"] }, [], clock, NullLogger<LiteFleetStore>.Instance);
        await store.AppendSamplesAsync(TestStore.Device, Batch(), default);
        clock.Ahead = TimeSpan.Zero;
        clock.Advance(TimeSpan.FromMinutes(6));
        await store.AppendSamplesAsync(DeviceId.Parse("dev-2"), Batch(), default);
        // Those of the second device and of all together were made just now.
        Assert.InRange(store.UnwrittenRollups, 0, 2);

        TelemetryBatch Batch() => new()
        {
            Sequence = 1,
            From = clock.GetUtcNow(),
            To = clock.GetUtcNow(),
            Models = [new InferenceStats { Model = "m", Version = 1, Variant = "v", Count = 3 }],
        };
    }

    private protected override TestStore Make() => new LiteTestStore();

    /// <summary>Shows a wrong time, while time itself goes on as ever.</summary>
    private sealed class WrongClock() : FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 12, 0, 0, TimeSpan.Zero))
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;

        public override long GetTimestamp() => base.GetUtcNow().Ticks;
    }
}
