namespace Fleet.Cli.Client;

/// <summary>Asks the server again and again until something is so.</summary>
internal static class Polling
{
    /// <summary>Often enough to feel live, seldom enough to cost nothing.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(700);

    /// <summary>A server that restarts in the middle of a wait is back within this.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Reads until <paramref name="done"/> holds. A server that cannot be reached for a while is waited for; a refusal is not.
    /// </summary>
    /// <param name="time">The clock.</param>
    /// <param name="read">What to ask.</param>
    /// <param name="done">When to stop; it also sees every answer in between.</param>
    /// <param name="interrupted">Told when the server cannot be reached.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<T> UntilAsync<T>(
        TimeProvider time, Func<CancellationToken, Task<T>> read, Func<T, bool> done, Action<string>? interrupted,
        CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        long? lostAt = null;
        while (true)
        {
            var (value, problem) = await TryAsync(read, cancellationToken);
            if (problem is null)
            {
                if (done(value!)) return value!;
                lostAt = null;
            }
            else
            {
                lostAt ??= time.GetTimestamp();
                if (time.GetElapsedTime(lostAt.Value) > Patience) throw problem;
                interrupted?.Invoke(problem.Lines[0]);
            }
            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }

    /// <summary>A value, or why the server could not be reached.</summary>
    private static async Task<(T? Value, FleetException? Problem)> TryAsync<T>(
        Func<CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            return (await read(cancellationToken), null);
        }
        catch (FleetException e) when (e.Status is null or >= 500)
        {
            return (default, e);
        }
    }
}
