using System.Collections.Concurrent;
using System.Net;

namespace Fleet.Server.Access;

/// <summary>
/// Slows down guessing: what is wrong is answered "wait" once an address was wrong <see cref="Failures"/> times within
/// <see cref="Window"/>. What is right is never asked of it, so that nobody is shut out by others behind the same address. The secrets have
/// 256 bits, so this keeps the log readable rather than the door shut.
/// </summary>
internal sealed class FailureLimit(TimeProvider time)
{
    /// <summary>Failures of an address in a window that are told what is wrong.</summary>
    public const int Failures = 20;

    /// <summary>How long failures count.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private const int MaximumAddresses = 10_000;

    private readonly ConcurrentDictionary<IPAddress, (long Since, int Count)> _failures = new();

    /// <summary>Counts a failure: whoever asks was found wrong.</summary>
    /// <returns>True when there were too many, so that nothing but that is told.</returns>
    public bool IsTooMany(IPAddress address)
    {
        // Not the clock: one that is set back would keep a window open for as long.
        var now = time.GetTimestamp();
        // An attacker with many addresses must not fill the memory: then everybody starts afresh.
        if (_failures.Count > MaximumAddresses) _failures.Clear();
        var counted = _failures.AddOrUpdate(
            address, (now, 1),
            (_, seen) => time.GetElapsedTime(seen.Since, now) < Window ? (seen.Since, seen.Count + 1) : (now, 1));
        return counted.Count > Failures;
    }
}
