using Fleet.Server.Health;
using Fleet.Server.Keys;
using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Keys;

public sealed class RootWatchTests
{
    /// <summary>
    /// Releases are signed again by the key that a new root names; on a full disk that failed, and the server stopped itself.
    /// </summary>
    [Fact]
    public async Task Room_that_cannot_act_on_the_root_keeps_no_server_from_starting_and_is_told_again()
    {
        await using var fleet = await TestFleet.StartAsync();
        var room = new FullRoom();
        await using var rooms = new ServiceCollection().AddSingleton<IRootObserver>(room).BuildServiceProvider();
        var clock = new FakeTimeProvider(fleet.Clock.GetUtcNow());
        using var watch = new RootWatch(
            fleet.Of<FleetKeys>(), fleet.Of<SigningClock>(), rooms, fleet.Of<ServerHealth>(), clock, NullLogger<RootWatch>.Instance);
        await watch.StartAsync(default);
        Assert.Equal(1, room.Told);

        await UntilToldAsync(2);
        room.IsFull = false;
        await UntilToldAsync(3);
        Assert.False(watch.ExecuteTask!.IsCompleted);
        await watch.StopAsync(default);

        Task UntilToldAsync(int times) => Eventually.TrueAsync($"the room is told {times} times", () =>
        {
            clock.Advance(TimeSpan.FromSeconds(10));
            return room.Told >= times;
        });
    }

    private sealed class FullRoom : IRootObserver
    {
        private volatile int _told;

        public bool IsFull { get; set; } = true;

        public int Told => _told;

        public Task RootCountsAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _told);
            return IsFull ? throw new StoreException(StoreFailure.Full, "The disk is full.") : Task.CompletedTask;
        }
    }
}
