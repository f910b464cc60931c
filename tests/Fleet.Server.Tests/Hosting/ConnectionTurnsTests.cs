using System.Collections.Concurrent;
using Fleet.Server.Hosting;

namespace Fleet.Server.Tests.Hosting;

/// <summary>Who begins when thousands of devices return at once.</summary>
public sealed class ConnectionTurnsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Connections_get_their_turn_and_those_that_gave_up_keep_none_waiting()
    {
        using var turns = new ConnectionTurns();
        using var gaveUp = new CancellationTokenSource();
        var before = Enumerable.Range(0, 100).Select(_ => turns.WaitAsync(gaveUp.Token)).ToArray();
        var after = Enumerable.Range(0, 100).Select(_ => turns.WaitAsync(CancellationToken.None)).ToArray();
        await gaveUp.CancelAsync();
        foreach (var each in before) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => each);
        Assert.DoesNotContain(after, each => each.IsCompleted);

        await turns.StartAsync(CancellationToken.None);
        await Task.WhenAll(after).WaitAsync(Deadline);
        await turns.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Work_that_has_begun_comes_before_the_next_connection()
    {
        using var turns = new ConnectionTurns();
        var order = new ConcurrentQueue<string>();
        var all = Enumerable.Range(0, 1000).Select(async _ =>
        {
            await turns.WaitAsync(CancellationToken.None);
            order.Enqueue("begun");
            // What the next step of a handshake is: work that comes back to the thread pool's queue.
            await Task.Yield();
            Thread.SpinWait(2000);
            order.Enqueue("done");
        }).ToArray();
        await turns.StartAsync(CancellationToken.None);
        await Task.WhenAll(all).WaitAsync(Deadline);
        await turns.StopAsync(CancellationToken.None);

        var (open, most) = (0, 0);
        foreach (var each in order) most = Math.Max(most, open += each == "begun" ? 1 : -1);
        // All at once, a thousand would be open.
        Assert.InRange(most, 1, 250);
    }

    [Fact]
    public async Task Nobody_waits_for_a_turn_when_the_server_stops()
    {
        using var turns = new ConnectionTurns();
        await turns.StartAsync(CancellationToken.None);
        await turns.StopAsync(CancellationToken.None);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => turns.WaitAsync(CancellationToken.None).WaitAsync(Deadline));
    }
}
