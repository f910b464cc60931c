using System.ComponentModel.DataAnnotations;
using Fleet.Agent.Run;

namespace Fleet.Agent.Shelf;

/// <summary>How artifacts are fetched and how much disk they leave.</summary>
internal sealed class ShelfOptions
{
    /// <summary>Bytes always left free: journals and the outbox must be writable while models come and go.</summary>
    [Range(0, long.MaxValue)] public long ReservedBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>Attempts in a row that bring no new byte before the download fails. One that brings bytes starts the count anew.</summary>
    [Range(1, 1000)] public int MaximumAttempts { get; set; } = 8;

    /// <summary>Wait after the first attempt that failed; doubled after each further one, and drawn at random below that.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait between attempts.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan MaximumRetryDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a connection may bring nothing before it counts as broken.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
