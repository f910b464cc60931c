using Fleet.Server.Health;
using Fleet.Server.Settings;
using Fleet.Server.Telemetry;
using Fleet.Server.Tests.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Server.Tests.Telemetry;

public sealed class RetentionTests : IAsyncDisposable
{
    private static readonly FleetOptions Options = new() { TelemetryRetention = TimeSpan.FromHours(4) };

    private readonly LiteTestStore _test = new();
    private readonly ServerHealth _health = new();
    private readonly FailingStore _store;
    private readonly Retention _retention;

    public RetentionTests()
    {
        _store = new FailingStore(_test.Store);
        _retention = new Retention(_store, Options, _health, _test.Clock, NullLogger<Retention>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _retention.StopAsync(default);
        _retention.Dispose();
        await _test.DisposeAsync();
    }

    [Fact]
    public async Task Telemetry_is_kept_as_long_as_the_settings_say_and_then_dropped()
    {
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(1), default);
        var arrived = _test.Clock.GetUtcNow();
        await _retention.StartAsync(default);

        await Eventually.TrueAsync("the batch is dropped", async () =>
        {
            if (await CountAsync() == 0) return true;
            Assert.True(_test.Clock.GetUtcNow() - arrived < Options.TelemetryRetention * 3, "It is kept for too long.");
            _test.Clock.Advance(TimeSpan.FromMinutes(30));
            return false;
        });
        Assert.True(_test.Clock.GetUtcNow() - arrived >= Options.TelemetryRetention, "It was dropped too early.");
    }

    [Fact]
    public async Task Failure_is_told_by_health_and_tried_again()
    {
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(1), default);
        _store.FailsToWrite = true;
        await _retention.StartAsync(default);
        await UntilAsync("health tells of it",
            () => _health.Problems.Any(problem => problem.Contains("cannot be dropped", StringComparison.Ordinal)));
        Assert.Equal(1, await CountAsync());

        _store.FailsToWrite = false;
        await UntilAsync("health recovers", () => _health.Problems.Count == 0);
        await Eventually.TrueAsync("the batch is dropped", async () =>
        {
            _test.Clock.Advance(TimeSpan.FromHours(1));
            return await CountAsync() == 0;
        });
    }

    private Task UntilAsync(string what, Func<bool> holds) => Eventually.TrueAsync(what, () =>
    {
        _test.Clock.Advance(TimeSpan.FromMinutes(10));
        return holds();
    });

    private async Task<int> CountAsync() => await _test.Store.SamplesAsync(DateTimeOffset.MinValue, default).CountAsync();
}
