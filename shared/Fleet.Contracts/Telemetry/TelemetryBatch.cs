namespace Fleet.Contracts.Telemetry;

/// <summary>What a device measured over one interval. It is kept on the device until the server has stored it.</summary>
public sealed record TelemetryBatch
{
    /// <summary>Grows by one with every batch of this device: a repeated batch is stored once.</summary>
    public required long Sequence { get; init; }

    /// <summary>Start of the interval, by the device's clock.</summary>
    public required DateTimeOffset From { get; init; }

    /// <summary>End of the interval.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary>Per model that served in the interval.</summary>
    public IReadOnlyList<InferenceStats> Models { get; set; } = [];

    /// <summary>The machine at the end of the interval.</summary>
    public ResourceStats? Resources { get; init; }
}

/// <summary>One model's inferences over one interval.</summary>
public sealed record InferenceStats
{
    /// <summary>Model name.</summary>
    public required string Model { get; init; }

    /// <summary>Release that served.</summary>
    public required int Version { get; init; }

    /// <summary>Variant that served.</summary>
    public required string Variant { get; init; }

    /// <summary>Requests answered.</summary>
    public long Count { get; init; }

    /// <summary>Requests refused or failed.</summary>
    public long Errors { get; init; }

    /// <summary>Time of each inference.</summary>
    public LatencyHistogram Latency { get; set; } = new();

    /// <summary>How often each class was decided, by class index; empty when the model is not a classifier.</summary>
    public IReadOnlyList<long> Classes { get; set; } = [];

    /// <summary>How often the winning probability fell into each tenth of 0 to 1: ten counts, or none.</summary>
    public IReadOnlyList<long> Confidence { get; set; } = [];

    /// <summary>What a regression predicted, by column of its first output; absent for other tasks.</summary>
    public IReadOnlyList<ValueStats>? Values { get; init; }

    /// <summary>What a detector saw; absent for other tasks.</summary>
    public BoxStats? Boxes { get; init; }
}

/// <summary>The machine at one moment.</summary>
public sealed record ResourceStats
{
    /// <summary>Share of all processors in use over the interval, 0 to 1.</summary>
    public double? CpuUsage { get; init; }

    /// <summary>Memory in use, in bytes.</summary>
    public long? MemoryUsedBytes { get; init; }

    /// <summary>Resident memory of the agent and its children, in bytes.</summary>
    public long? AgentMemoryBytes { get; init; }

    /// <summary>Hottest sensor in degrees Celsius; null where the device has none.</summary>
    public double? TemperatureCelsius { get; init; }

    /// <summary>Bytes free where the agent stores models.</summary>
    public long? DiskFreeBytes { get; init; }
}
