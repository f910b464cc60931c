using System.ComponentModel.DataAnnotations;
using Fleet.Agent.Settings;
using Fleet.Contracts;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Link;

/// <summary>How the agent connects to the server, and how much telemetry it keeps while it cannot.</summary>
internal sealed class LinkOptions
{
    /// <summary>Longest wait after the first failed connection, doubled after each further one; the wait is random below it.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan ReconnectDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait before reconnecting. Longer spares the server after an outage; shorter finds it sooner.</summary>
    [Duration("00:00:00.010", "1.00:00:00")] public TimeSpan MaximumReconnectDelay { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How often a silent connection is probed; a broken one is noticed after one and a half times this.</summary>
    [Duration("00:00:01", "12:00:00")] public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long connecting, and each answer of the server, may take.</summary>
    [Duration("00:00:01", "01:00:00")] public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// HTTP proxy between this device and its server, for MQTT too: <c>http://[name:password@]host:port</c>, or <c>none</c>. Unset,
    /// HTTPS_PROXY, ALL_PROXY and NO_PROXY decide.
    /// </summary>
    [RegularExpression("^(none|https?://[^ /]+/?)$")] public string? Proxy { get; set; }

    /// <summary>How long the server keeps messages for this device after the connection ends.</summary>
    [Duration("00:00:00", "365.00:00:00")] public TimeSpan SessionExpiry { get; set; } = TimeSpan.FromDays(1);

    /// <summary>
    /// Telemetry batches that wait for each other while nothing but counts changes, and then share a message. More costs fewer bytes
    /// and shows a calm device later; 1 sends each at once.
    /// </summary>
    [Range(1, Limits.BatchesPerPack)] public int PackSize { get; set; } = 30;

    /// <summary>Telemetry messages sent before the first is acknowledged. More fills memory after an outage.</summary>
    [Range(1, 100)] public int InFlight { get; set; } = 8;

    /// <summary>Telemetry batches kept while the server is unreachable; beyond that the oldest are dropped.</summary>
    [Range(1, 1_000_000)] public int MaximumBatches { get; set; } = 10_000;

    /// <summary>Bytes of telemetry kept while the server is unreachable; beyond that the oldest are dropped.</summary>
    [Range(1024, long.MaxValue)] public long MaximumBytes { get; set; } = 32 * 1024 * 1024;
}

/// <summary>Checks these settings at start; the body is generated so that it works ahead of time.</summary>
[OptionsValidator]
internal sealed partial class LinkOptionsValidator : IValidateOptions<LinkOptions>;
