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
    /// <param name="evidence">What to show when it did not happen, such as what a program wrote until then.</param>
    public static Task TrueAsync(string what, Func<bool> holds, TimeSpan? deadline = null, Func<string>? evidence = null)
        => TrueAsync(what, () => Task.FromResult(holds()), deadline, evidence);

    /// <inheritdoc cref="TrueAsync(string, Func{bool}, TimeSpan?, Func{string}?)"/>
    public static Task TrueAsync(string what, Func<Task<bool>> holds, TimeSpan? deadline = null, Func<string>? evidence = null)
        => ValueAsync<object>(what, async () => await holds() ? what : null, deadline, evidence);

    /// <summary>Returns the first value of <paramref name="find"/> that is not null.</summary>
    /// <inheritdoc cref="TrueAsync(string, Func{bool}, TimeSpan?, Func{string}?)"/>
    public static async Task<T> ValueAsync<T>(string what, Func<Task<T?>> find, TimeSpan? deadline = null, Func<string>? evidence = null)
        where T : class
    {
        var limit = deadline ?? DefaultDeadline;
        var watch = Stopwatch.StartNew();
        while (true)
        {
            if (await find() is { } value) return value;
            if (watch.Elapsed > limit)
                throw new TimeoutException(
                    $"Within {limit.TotalSeconds:0.#} s it did not happen that {what}.{(evidence is null ? "" : "\n" + evidence())}");
            await Task.Delay(Interval);
        }
    }
}
