using Fleet.Contracts.Devices;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Storage;
using Fleet.Server.Tests.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Server.Tests.Devices;

public sealed class DeviceBoardTests : IAsyncDisposable
{
    private static readonly TimeSpan WritingInterval = TimeSpan.FromMinutes(5);

    private readonly LiteTestStore _test = new(new DocumentType("seen", DeviceJson.Default.DeviceSeen));
    private readonly ServerHealth _health = new();
    private readonly FailingStore _store;
    private readonly DeviceBoard _board;

    public DeviceBoardTests()
    {
        _store = new FailingStore(_test.Store);
        _board = new DeviceBoard(_store, new DesiredNotices(), _health, _test.Clock, NullLogger<DeviceBoard>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        _board.Dispose();
        await _test.DisposeAsync();
    }

    [Fact]
    public async Task What_a_failed_commit_did_not_keep_is_written_by_the_next()
    {
        await _board.StartAsync(default);
        _board.Heard(TestStore.Device);
        var heard = _test.Clock.GetUtcNow();

        _store.FailsToWrite = true;
        await UntilAsync("the failure is seen",
            () => _health.Problems.Any(problem => problem.Contains("The disk does not answer.", StringComparison.Ordinal)));
        Assert.Null(await SeenAsync());

        _store.FailsToWrite = false;
        await UntilAsync("health recovers", () => _health.Problems.Count == 0);
        Assert.Equal(heard, await SeenAsync());
        await _board.StopAsync(default);
    }

    [Fact]
    public async Task Stop_writes_down_who_was_heard_and_survives_a_store_that_fails()
    {
        await _board.StartAsync(default);
        _board.Heard(TestStore.Device);
        _store.FailsToWrite = true;
        await _board.StopAsync(default);
        Assert.Null(await SeenAsync());

        _store.FailsToWrite = false;
        await _board.StopAsync(default);
        Assert.Equal(_test.Clock.GetUtcNow(), await SeenAsync());
    }

    [Fact]
    public async Task Device_is_online_from_its_connect_to_its_disconnect_and_last_seen_comes_from_memory_first()
    {
        Assert.Null(await _board.LastSeenAsync(TestStore.Device, default));
        _board.Connected(TestStore.Device, null, default);
        Assert.True(_board.IsOnline(TestStore.Device));

        _test.Clock.Advance(TimeSpan.FromSeconds(10));
        _board.Heard(TestStore.Device);
        _board.Disconnected(TestStore.Device);

        Assert.False(_board.IsOnline(TestStore.Device));
        Assert.Equal(_test.Clock.GetUtcNow(), await _board.LastSeenAsync(TestStore.Device, default));
        Assert.Null(await _board.LastSeenAsync(DeviceId.Parse("dev-2"), default));
    }

    /// <summary>Moves the clock from one writing to the next: the board's own task may not have begun to wait for it yet.</summary>
    private Task UntilAsync(string what, Func<bool> holds) => Eventually.TrueAsync(what, () =>
    {
        _test.Clock.Advance(WritingInterval);
        return holds();
    });

    private async Task<DateTimeOffset?> SeenAsync()
        => (await _test.Store.FindAsync<DeviceSeen>(TestStore.Device.Value, default))?.Document.At;
}
