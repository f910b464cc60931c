using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Settings;
using Fleet.Server.Storage;
using Fleet.Server.Telemetry;
using Fleet.Server.Tests.Storage;

namespace Fleet.Server.Tests.Telemetry;

/// <summary>What one device may store in a day.</summary>
public sealed class TelemetryBudgetTests : IAsyncDisposable
{
    private static readonly TelemetrySender Sender = new(DeviceId.Parse("dev-1"), "first");

    private readonly LiteTestStore _test = new();

    public ValueTask DisposeAsync() => _test.DisposeAsync();

    /// <summary>A report that is imported from a file is stored while the same device speaks over the network.</summary>
    [Fact]
    public async Task Messages_of_one_device_that_come_by_two_ways_at_once_are_all_counted()
    {
        const int Ways = 4, Messages = 50_000;
        var budget = new TelemetryBudget(
            _test.Store, new FleetOptions { TelemetryBytesPerDay = Ways * Messages }, TimeProvider.System);
        IReadOnlyList<TelemetryBatch>[] models = [.. Enumerable.Range(0, TelemetryBudget.ModelsPerDay).Select(BatchesOf)];
        await Task.WhenAll(Enumerable.Range(0, Ways).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < Messages; i++)
            {
                Assert.Null(await budget.RefusalAsync(Sender, 0, models[i % models.Length], default));
                budget.Stored(Sender, 1, models[i % models.Length]);
            }
        })));
        Assert.Null(await budget.RefusalAsync(Sender, 0, models[0], default));
        Assert.NotNull(await budget.RefusalAsync(Sender, 1, models[0], default));
        Assert.NotNull(await budget.RefusalAsync(Sender, 0, BatchesOf(models.Length), default));
    }

    /// <summary>Found in review: counted in memory, each restart of the server was worth a day's share once more.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    public async Task What_was_stored_today_counts_after_a_restart_and_no_more_tomorrow(int minutesOfWork)
    {
        var (stored, day) = (0, _test.Clock.GetUtcNow().Day);
        for (var minute = 0; minute < minutesOfWork; minute += 10)
        {
            if (minute > 0) _test.Clock.Advance(TimeSpan.FromMinutes(10));
            if (_test.Clock.GetUtcNow().Day != day) (stored, day) = (0, _test.Clock.GetUtcNow().Day);
            stored += await AppendAsync(minute + 1, "first");
            // Some of it is in the rows of the device when the store is opened again, and some is read again from what arrived.
            if (minute % 50 == 0) await _test.ReopenAsync();
        }
        await _test.ReopenAsync();
        Assert.Null(await Budget(stored).RefusalAsync(Sender, 0, [], default));
        Assert.NotNull(await Budget(stored).RefusalAsync(Sender, 1, [], default));

        _test.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Null(await Budget(stored).RefusalAsync(Sender, stored, [], default));
    }

    [Fact]
    public async Task Device_that_was_let_back_with_a_new_key_begins_anew_whoever_used_up_its_share()
    {
        var stored = await AppendAsync(1, "first");
        var budget = Budget(stored);
        Assert.NotNull(await budget.RefusalAsync(Sender, 1, [], default));
        var successor = Sender with { Identity = "second" };
        Assert.Null(await budget.RefusalAsync(successor, stored, [], default));
        stored = await AppendAsync(1, "second");
        budget.Stored(successor, stored, []);
        Assert.NotNull(await budget.RefusalAsync(successor, 1, [], default));
        Assert.NotNull(await Budget(stored).RefusalAsync(successor, 1, [], default));
    }

    private TelemetryBudget Budget(long bytes) => new(_test.Store, new FleetOptions { TelemetryBytesPerDay = bytes }, _test.Clock);

    private async Task<int> AppendAsync(long sequence, string identity)
    {
        var batch = _test.Batch(sequence, classes: 100);
        var message = TelemetryPack.Encode([batch]);
        Assert.Equal(1, await _test.Store.AppendSamplesAsync(Sender.Device, new TelemetryMessage(message, [batch], identity), default));
        return message.Length;
    }

    private static IReadOnlyList<TelemetryBatch> BatchesOf(int model) =>
    [
        new TelemetryBatch
        {
            Sequence = 1,
            From = DateTimeOffset.UnixEpoch,
            To = DateTimeOffset.UnixEpoch,
            Models =
            [
                new InferenceStats
                {
                    Model = $"model-{model}",
                    Version = 1,
                    Variant = "v",
                    Count = 1,
                    Latency = new LatencyHistogram { Buckets = [], Counts = [] },
                },
            ],
        },
    ];
}
