using System.ComponentModel.DataAnnotations;
using Fleet.Agent.Settings;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Link;

/// <summary>How the agent keeps in touch with the server, and what it keeps for it meanwhile.</summary>
internal sealed class LinkOptions
{
    /// <summary>Wait after the first connection that failed; doubled after each further one, and drawn at random below that.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan ReconnectDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait before connecting again. Longer spares the server after an outage, and finds it later.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan MaximumReconnectDelay { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How often a silent connection is tried; a broken one is noticed after one and a half of it.</summary>
    [Duration("00:00:01", "12:00:00")] public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long connecting and every answer of the server may take.</summary>
    [Duration("00:00:01", "01:00:00")] public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the server keeps what it has for this device after the connection ends.</summary>
    [Duration("00:00:00", "365.00:00:00")] public TimeSpan SessionExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Telemetry batches on the way at once: the credit the server gives by acknowledging. More fills memory after an outage.</summary>
    [Range(1, 100)] public int InFlight { get; set; } = 8;

    /// <summary>Telemetry batches kept while the server cannot be reached; past it the oldest go.</summary>
    [Range(1, 1_000_000)] public int MaximumBatches { get; set; } = 10_000;

    /// <summary>Bytes of telemetry kept while the server cannot be reached; past it the oldest go.</summary>
    [Range(1024, long.MaxValue)] public long MaximumBytes { get; set; } = 32 * 1024 * 1024;
}

/// <summary>Checks these settings at start; the body is generated so that it works ahead of time.</summary>
[OptionsValidator]
internal sealed partial class LinkOptionsValidator : IValidateOptions<LinkOptions>;
