using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Settings;
using Fleet.Server.Telemetry;

namespace Fleet.Server.Tests.Telemetry;

/// <summary>What one device may store in a day.</summary>
public sealed class TelemetryBudgetTests
{
    /// <summary>A report that is imported from a file is stored while the same device speaks over the network.</summary>
    [Fact]
    public void Messages_of_one_device_that_come_by_two_ways_at_once_are_all_counted()
    {
        const int Ways = 4, Messages = 50_000;
        var budget = new TelemetryBudget(new FleetOptions { TelemetryBytesPerDay = Ways * Messages }, TimeProvider.System);
        var device = DeviceId.Parse("dev-1");
        IReadOnlyList<TelemetryBatch>[] models = [.. Enumerable.Range(0, TelemetryBudget.ModelsPerDay).Select(BatchesOf)];
        Parallel.For(0, Ways, new ParallelOptions { MaxDegreeOfParallelism = Ways }, _ =>
        {
            for (var i = 0; i < Messages; i++)
            {
                Assert.Null(budget.RefusalOf(device, 0, models[i % models.Length]));
                budget.Stored(device, 1, models[i % models.Length]);
            }
        });
        Assert.Null(budget.RefusalOf(device, 0, models[0]));
        Assert.NotNull(budget.RefusalOf(device, 1, models[0]));
        Assert.NotNull(budget.RefusalOf(device, 0, BatchesOf(models.Length)));
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
