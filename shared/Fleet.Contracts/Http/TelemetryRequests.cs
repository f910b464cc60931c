using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/telemetry: one model on one device, or on all devices together, over the time asked, merged.</summary>
public sealed record TelemetryView
{
    /// <summary>The device; null for all devices together.</summary>
    public DeviceId? Device { get; init; }
    /// <summary>Model name.</summary>
    public required string Model { get; init; }
    /// <summary>Release that served last.</summary>
    public int Version { get; init; }
    /// <summary>Variant that served last.</summary>
    public string Variant { get; set; } = "";
    /// <summary>Batches merged.</summary>
    public int Batches { get; init; }
    /// <summary>Requests answered.</summary>
    public long Count { get; init; }
    /// <summary>Requests refused or failed.</summary>
    public long Errors { get; init; }
    /// <summary>Percentiles of the merged histogram; null when nothing was served.</summary>
    public LatencySummary? Latency { get; init; }
    /// <summary>Decisions by class.</summary>
    public IReadOnlyList<long> Classes { get; set; } = [];
    /// <summary>Winning probabilities by tenth.</summary>
    public IReadOnlyList<long> Confidence { get; set; } = [];
    /// <summary>Predicted values by column; absent unless the model predicts numbers.</summary>
    public IReadOnlyList<ValueStats>? Values { get; init; }
    /// <summary>Boxes seen; absent unless the model finds boxes.</summary>
    public BoxStats? Boxes { get; init; }
    /// <summary>The machine, as last reported.</summary>
    public ResourceStats? Resources { get; init; }
    /// <summary>End of the newest batch.</summary>
    public DateTimeOffset? To { get; init; }
    /// <summary>Inferences per interval, oldest first, for a chart.</summary>
    public IReadOnlyList<TelemetryPoint> Series { get; set; } = [];
}

/// <summary>One interval of a series.</summary>
public sealed record TelemetryPoint(
    DateTimeOffset At, long Count, long Errors,
    [property: JsonPropertyName("p95Ms"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan LatencyP95);
