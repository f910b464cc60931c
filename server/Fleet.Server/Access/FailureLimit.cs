using System.Collections.Concurrent;
using System.Net;

namespace Fleet.Server.Access;

/// <summary>
/// Slows down guessing: an address that failed <see cref="Failures"/> times within <see cref="Window"/> is not listened to until
/// the window ends. The secrets have 256 bits, so this keeps the log readable rather than the door shut.
/// </summary>
internal sealed class FailureLimit(TimeProvider time)
{
    /// <summary>Failures an address has in a window.</summary>
    public const int Failures = 20;

    /// <summary>How long failures count.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private const int MaximumAddresses = 10_000;

    private readonly ConcurrentDictionary<IPAddress, (DateTimeOffset Since, int Count)> _failures = new();

    /// <summary>True when that address is not listened to for now.</summary>
    public bool IsExceededBy(IPAddress address)
        => _failures.TryGetValue(address, out var failures) && failures.Count >= Failures && time.GetUtcNow() - failures.Since < Window;

    /// <summary>Counts a failure.</summary>
    public void Count(IPAddress address)
    {
        var now = time.GetUtcNow();
        // An attacker with many addresses must not fill the memory: then everybody starts afresh.
        if (_failures.Count > MaximumAddresses) _failures.Clear();
        _failures.AddOrUpdate(
            address, (now, 1), (_, failures) => now - failures.Since < Window ? (failures.Since, failures.Count + 1) : (now, 1));
    }
}
