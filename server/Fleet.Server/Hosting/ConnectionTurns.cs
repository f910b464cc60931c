using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace Fleet.Server.Hosting;

/// <summary>
/// Lets connections begin in the order they came, and only as fast as the server gets on with those that have begun. Thousands of
/// devices that return at once would otherwise all be served at the same slow pace, and all give up before any is done. Nobody holds a
/// turn: who connects and then says nothing keeps none waiting.
/// </summary>
internal sealed class ConnectionTurns : BackgroundService
{
    /// <summary>After so many it waits behind the thread pool's queue: one for each thread, so that no processor is idle.</summary>
    private static readonly int AtOnce = Environment.ProcessorCount;

    private readonly Channel<TaskCompletionSource> _waiting = Channel.CreateUnbounded<TaskCompletionSource>(
        new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Waits for the turn of a connection.</summary>
    /// <exception cref="OperationCanceledException">It ended before.</exception>
    public async Task WaitAsync(CancellationToken ended)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var _ = ended.Register(() => turn.TrySetCanceled(ended));
        if (!_waiting.Writer.TryWrite(turn)) throw new OperationCanceledException("The server stops.");
        await turn.Task;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var begun = 0;
        await foreach (var turn in _waiting.Reader.ReadAllAsync(stoppingToken))
        {
            if (!turn.TrySetResult()) continue;
            // To the end of the thread pool's queue: what those before have to do is there already, and comes first.
            if (++begun % AtOnce == 0) await Task.Yield();
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        // A listener that stops waits for its connections: none may wait for a turn that never comes.
        _waiting.Writer.TryComplete();
        while (_waiting.Reader.TryRead(out var turn)) turn.TrySetCanceled(CancellationToken.None);
    }
}

/// <summary>Turns as a step of a listener.</summary>
internal static class ConnectionTurnsSteps
{
    /// <summary>What follows waits for the turn of its connection.</summary>
    public static IConnectionBuilder UseTurns(this IConnectionBuilder connections, ConnectionTurns turns)
    {
        connections.Use(next => async connection =>
        {
            try { await turns.WaitAsync(connection.ConnectionClosed); }
            // It gave up: there is nothing left to do for it.
            catch (OperationCanceledException) { return; }
            await next(connection);
        });
        return connections;
    }
}
