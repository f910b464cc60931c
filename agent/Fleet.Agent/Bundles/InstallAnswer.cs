using System.Text.Json.Serialization;
using Fleet.Contracts.State;

namespace Fleet.Agent.Bundles;

/// <summary>What became of a bundle.</summary>
internal sealed record InstallAnswer
{
    /// <summary>True when the release serves.</summary>
    public required bool Installed { get; init; }

    /// <summary>Model of the bundle; null when the bundle is not trusted.</summary>
    public string? Model { get; init; }

    /// <summary>Release of the bundle.</summary>
    public int? Version { get; init; }

    /// <summary>The variant that was chosen.</summary>
    public string? Variant { get; init; }

    /// <summary>The release that serves now; null when none does.</summary>
    public int? ActiveVersion { get; init; }

    /// <summary>Why it does not serve, where a deployment failed.</summary>
    public DeploymentFailure Failure { get; init; }

    /// <summary>The same in a sentence.</summary>
    public string Detail { get; init; } = "";
}

/// <summary>Generated serialization of answers.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(InstallAnswer))]
[JsonSerializable(typeof(ReportAnswer))]
internal sealed partial class BundlesJson : JsonSerializerContext;
