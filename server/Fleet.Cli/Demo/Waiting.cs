namespace Fleet.Cli.Demo;

/// <summary>Waits for a file that another process writes.</summary>
internal static class Waiting
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>Looks again until there is something.</summary>
    public static async Task<T> ForAsync<T>(Func<T?> look, TimeProvider time, CancellationToken cancellationToken) where T : class
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (true)
        {
            if (look() is { } found) return found;
            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }
}
