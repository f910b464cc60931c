using System.Diagnostics;

namespace Fleet.TestKit;

/// <summary>Awaits what another process or thread brings about, with a deadline and a sentence that says what did not happen.</summary>
public static class Eventually
{
    /// <summary>Long enough for a loaded machine; a test that passes never waits for it.</summary>
    public static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(25);

    /// <summary>Returns once <paramref name="holds"/> answers true.</summary>
    /// <param name="what">What is awaited, as the end of "Within 30 s it did not happen that …".</param>
    /// <param name="holds">Looks; cheap enough to be asked often.</param>
    /// <param name="deadline">How long to look; <see cref="DefaultDeadline"/> when null.</param>
    public static Task TrueAsync(string what, Func<bool> holds, TimeSpan? deadline = null)
        => TrueAsync(what, () => Task.FromResult(holds()), deadline);

    /// <inheritdoc cref="TrueAsync(string, Func{bool}, TimeSpan?)"/>
    public static Task TrueAsync(string what, Func<Task<bool>> holds, TimeSpan? deadline = null)
        => ValueAsync<object>(what, async () => await holds() ? what : null, deadline);

    /// <summary>Returns the first value of <paramref name="find"/> that is not null.</summary>
    /// <inheritdoc cref="TrueAsync(string, Func{bool}, TimeSpan?)"/>
    public static async Task<T> ValueAsync<T>(string what, Func<Task<T?>> find, TimeSpan? deadline = null)
        where T : class
    {
        var limit = deadline ?? DefaultDeadline;
        var watch = Stopwatch.StartNew();
        while (true)
        {
            if (await find() is { } value) return value;
            if (watch.Elapsed > limit) throw new TimeoutException($"Within {limit.TotalSeconds:0.#} s it did not happen that {what}.");
            await Task.Delay(Interval);
        }
    }
}
