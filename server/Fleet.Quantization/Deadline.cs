namespace Fleet.Quantization;

/// <summary>When the search for something better ends, with what is there by then.</summary>
/// <param name="limit">How long it may take; null for as long as it needs.</param>
/// <param name="time">The clock; it starts now.</param>
internal sealed class Deadline(TimeSpan? limit, TimeProvider time) : IDisposable
{
    /// <summary>One that never comes.</summary>
    public static readonly Deadline None = new(null, TimeProvider.System);

    /// <summary>Longer than that no timer waits, and nobody.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(49);

    private readonly long _start = time.GetTimestamp();
    private readonly CancellationTokenSource? _passed = limit is { } most && most > TimeSpan.Zero && most <= Longest
        ? new CancellationTokenSource(most, time) : null;

    /// <summary>How long it may take; zero where nothing limits it.</summary>
    public TimeSpan Limit => limit ?? TimeSpan.Zero;

    /// <summary>The same in its largest units, such as <c>1 h 30 min</c>; empty where nothing limits it.</summary>
    public string Text => limit is not { } most ? "" : string.Join(' ', new (int Count, string Unit)[]
    {
        ((int)most.TotalHours, "h"), (most.Minutes, "min"), (most.Seconds, "s"), (most.Milliseconds, "ms"),
    }.Where(part => part.Count > 0).Select(part => FormattableString.Invariant($"{part.Count} {part.Unit}")));

    /// <summary>Time since it began to count.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(_start);

    /// <summary>True once nothing further is to be tried.</summary>
    public bool HasPassed => Token.IsCancellationRequested || limit is { } most && Elapsed >= most;

    /// <summary>Ends what is being tried when it passes: a layer of a large model may take minutes.</summary>
    public CancellationToken Token => _passed?.Token ?? CancellationToken.None;

    /// <summary>What <paramref name="work"/> makes; null where it was ended because the time was up.</summary>
    /// <param name="work">It looks at <see cref="Token"/>.</param>
    /// <param name="cancellationToken">What else may end it, which is no result.</param>
    public T? Within<T>(Func<T> work, CancellationToken cancellationToken) where T : class
    {
        try
        {
            return work();
        }
        catch (OperationCanceledException) when (Ended(cancellationToken))
        {
            return null;
        }
    }

    /// <summary>True where the time was up, and nobody asked to stop.</summary>
    public bool Ended(CancellationToken cancellationToken)
        => Token.IsCancellationRequested && !cancellationToken.IsCancellationRequested;

    /// <inheritdoc/>
    public void Dispose() => _passed?.Dispose();
}
