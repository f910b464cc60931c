using Fleet.Contracts.Http;

namespace Fleet.Server.Dashboard;

/// <summary>What the overview shows.</summary>
public sealed record OverviewData
{
    /// <summary>Devices enrolled and not revoked.</summary>
    public required int Devices { get; init; }

    /// <summary>Connected now.</summary>
    public required int Online { get; init; }

    /// <summary>Devices that serve at least one model.</summary>
    public required int Serving { get; init; }

    /// <summary>Devices whose last deployment was rolled back.</summary>
    public required int RolledBack { get; init; }

    /// <summary>Inferences of the last hour.</summary>
    public required long Inferences { get; init; }

    /// <summary>Withdrawn releases that still serve somewhere, each in a sentence.</summary>
    public required IReadOnlyList<string> Withdrawn { get; init; }

    /// <summary>The newest rollouts.</summary>
    public required IReadOnlyList<RolloutView> Rollouts { get; init; }

    /// <summary>The newest builds.</summary>
    public required IReadOnlyList<BuildView> Builds { get; init; }
}
