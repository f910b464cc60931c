using System.Threading.Channels;

namespace Fleet.Server.Rollouts;

/// <summary>Tells the engine that something changed. Any number of calls before it looks are one look.</summary>
internal sealed class RolloutWake
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(1);

    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>The engine looks soon.</summary>
    public void Set() => _signal.Writer.TryWrite(true);

    /// <summary>Returns when woken, or when <paramref name="at"/> is reached.</summary>
    public async Task WaitAsync(DateTimeOffset? at, TimeProvider time, CancellationToken cancellationToken)
    {
        // The source's own timer: one that fires while the wait is being given up finds nobody, which is not an error.
        using var moment = at is { } due ? new CancellationTokenSource(Until(due, time), time) : new CancellationTokenSource();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, moment.Token);
        // The moment may have come while the timer was made, which counts from then. A breath, so that a moment already past cannot spin.
        if (at <= time.GetUtcNow())
        {
            await Task.Delay(Breath, cancellationToken);
            return;
        }
        try
        {
            await _signal.Reader.ReadAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The moment came.
        }
    }

    /// <summary>At least a millisecond, which is a timer's unit; at most a day, since a timer takes no more than 49.</summary>
    private static TimeSpan Until(DateTimeOffset moment, TimeProvider time)
        => TimeSpan.FromMilliseconds(Math.Clamp((moment - time.GetUtcNow()).TotalMilliseconds, 1, TimeSpan.FromDays(1).TotalMilliseconds));
}
