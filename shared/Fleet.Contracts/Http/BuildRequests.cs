using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/builds: one build.</summary>
public sealed record BuildView
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }
    /// <summary>Model name.</summary>
    public required string Model { get; init; }
    /// <summary>Where it stands.</summary>
    public required BuildStatus Status { get; init; }
    /// <summary>How far it is.</summary>
    public BuildProgress? Progress { get; init; }
    /// <summary>Why it failed.</summary>
    public string? Failure { get; init; }
    /// <summary>When it was asked for.</summary>
    public DateTimeOffset CreatedAt { get; init; }
    /// <summary>When the worker that holds or ended it began.</summary>
    public DateTimeOffset? StartedAt { get; init; }
    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>True when it left a report: it succeeded, or every variant was rejected.</summary>
    public bool HasReport { get; init; }
    /// <summary>Leases given out: more than one means that a worker died.</summary>
    public int Attempts { get; init; }
    /// <summary>The worker that holds it.</summary>
    public string? Worker { get; init; }
}
