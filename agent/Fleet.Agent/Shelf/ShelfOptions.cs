using System.ComponentModel.DataAnnotations;
using Fleet.Agent.Settings;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Shelf;

/// <summary>How artifacts are fetched and how much disk they leave.</summary>
internal sealed class ShelfOptions
{
    /// <summary>Bytes always left free: journals and the outbox must be writable while models come and go.</summary>
    [Range(0, long.MaxValue)] public long ReservedBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>
    /// Attempts in a row that bring nothing, or too little for their time, before the download fails. An attempt that brings enough
    /// restarts the count.
    /// </summary>
    [Range(1, 1000)] public int MaximumAttempts { get; set; } = 8;

    /// <summary>
    /// Files assembled over several connections whose digest is wrong before the download fails. A power cut may explain one of them;
    /// only a file fetched over a single connection condemns the server's copy at once.
    /// </summary>
    [Range(1, 1000)] public int MaximumMismatches { get; set; } = 3;

    /// <summary>
    /// The least a connection must bring on average, in every <see cref="StallTimeout"/> and overall. A lower rate tolerates slower
    /// networks and holds a deployment longer.
    /// </summary>
    [Range(1, long.MaxValue)] public long MinimumBytesPerSecond { get; set; } = 1024;

    /// <summary>Time that a download may take on top of what its size takes at the least rate.</summary>
    [Duration("00:00:00", "7.00:00:00")] public TimeSpan Patience { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Longest wait after the first failed attempt; doubled after each further one, with the wait drawn at random below.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait between attempts.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan MaximumRetryDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a connection may stay silent before it counts as broken.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>Checks these settings at start; the body is generated so that it works ahead of time.</summary>
[OptionsValidator]
internal sealed partial class ShelfOptionsValidator : IValidateOptions<ShelfOptions>;
