namespace Fleet.Quantization;

/// <summary>When the search for something better ends, with what is there by then.</summary>
/// <param name="limit">How long it may take; null for as long as it needs.</param>
/// <param name="time">The clock; it starts now.</param>
internal sealed class Deadline(TimeSpan? limit, TimeProvider time)
{
    /// <summary>One that never comes.</summary>
    public static readonly Deadline None = new(null, TimeProvider.System);

    private readonly long _start = time.GetTimestamp();

    /// <summary>How long it may take; zero where nothing limits it.</summary>
    public TimeSpan Limit => limit ?? TimeSpan.Zero;

    /// <summary>True once nothing further is to be tried.</summary>
    public bool HasPassed => limit is { } most && time.GetElapsedTime(_start) >= most;
}
