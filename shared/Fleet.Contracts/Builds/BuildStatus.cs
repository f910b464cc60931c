using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>Where a build stands.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<BuildStatus>))]
public enum BuildStatus
{
    /// <summary>Waits for a worker.</summary>
    Queued,
    /// <summary>A worker holds its lease.</summary>
    Running,
    /// <summary>Its report and artifacts are stored.</summary>
    Succeeded,
    /// <summary>It failed; the reason says why.</summary>
    Failed,
    /// <summary>An operator cancelled it.</summary>
    Cancelled,
}

/// <summary>How far a running build is.</summary>
/// <param name="Step">What it does, in words for people.</param>
/// <param name="Fraction">Share of the whole build that is done, 0 to 1.</param>
public sealed record BuildProgress(string Step, double Fraction);
