namespace Fleet.Agent.Bundles;

/// <summary>What was written into a file.</summary>
internal sealed record ReportAnswer
{
    /// <summary>This device.</summary>
    public required string Device { get; init; }

    /// <summary>Number of the report.</summary>
    public required long Number { get; init; }

    /// <summary>The file.</summary>
    public required string File { get; init; }

    /// <summary>Its bytes.</summary>
    public required int Bytes { get; init; }

    /// <summary>Models whose state is in it.</summary>
    public required int Models { get; init; }

    /// <summary>Telemetry batches in it.</summary>
    public required int Batches { get; init; }

    /// <summary>Telemetry batches for which it had no room.</summary>
    public required int Left { get; init; }
}
