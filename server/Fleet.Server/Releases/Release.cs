using System.Globalization;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;

namespace Fleet.Server.Releases;

/// <summary>
/// A signed release as it is stored. What was signed never changes; a key that takes the place of another signs it too, and it may be
/// withdrawn.
/// </summary>
internal sealed record Release
{
    public required string Model { get; init; }

    /// <summary>Release number of the model.</summary>
    public required int Version { get; init; }

    /// <summary>The build it came from.</summary>
    public required string Build { get; init; }

    /// <summary>Key that signed it.</summary>
    public required string KeyId { get; init; }

    /// <summary>When it was signed.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>After this moment no device newly trusts it.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When an operator withdrew it; null while it counts.</summary>
    public DateTimeOffset? WithdrawnAt { get; init; }

    /// <summary>What is sent to devices. The manifest inside it is the only one there is.</summary>
    public required DsseEnvelope Envelope { get; init; }

    /// <summary>True while it may be rolled out.</summary>
    public bool IsLive(DateTimeOffset now) => WithdrawnAt is null && ExpiresAt > now;

    /// <summary>A release of what was signed.</summary>
    public static Release Of(ReleaseManifest manifest, DsseEnvelope envelope) => new()
    {
        Model = manifest.Model,
        Version = manifest.Version,
        Build = manifest.Build,
        KeyId = envelope.Signatures[0].KeyId,
        CreatedAt = manifest.CreatedAt,
        ExpiresAt = manifest.ExpiresAt,
        Envelope = envelope,
    };

    /// <summary>The manifest that was signed.</summary>
    public ReleaseManifest ReadManifest() => JsonSerializer.Deserialize(Envelope.Payload, FleetJson.Default.ReleaseStatement)!.Predicate;

    /// <summary>Ids of a model's releases sort by their number.</summary>
    public static string IdOf(string model, int version) => string.Create(CultureInfo.InvariantCulture, $"{model}/{version:000000}");
}

/// <summary>A model by name: the number its newest release has. Stored under the name; the commit of a release moves it by one.</summary>
/// <param name="LatestVersion">The newest release, 0 before the first.</param>
internal sealed record Model(int LatestVersion);
