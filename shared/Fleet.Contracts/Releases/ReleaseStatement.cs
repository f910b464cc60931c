using System.Text.Json.Serialization;

namespace Fleet.Contracts.Releases;

/// <summary>An in-toto statement (v1) whose subjects are the artifacts and whose predicate is the manifest.</summary>
public sealed record ReleaseStatement
{
    /// <summary>The statement type of in-toto v1.</summary>
    public const string StatementType = "https://in-toto.io/Statement/v1";

    /// <summary>The predicate type of a Fleet release.</summary>
    public const string ReleasePredicate = "https://fleet.dev/release/v1";

    /// <summary>Always <see cref="StatementType"/>.</summary>
    [JsonPropertyName("_type")] public required string Type { get; init; }

    /// <summary>The artifacts.</summary>
    public required IReadOnlyList<StatementSubject> Subject { get; init; }

    /// <summary>Always <see cref="ReleasePredicate"/>.</summary>
    public required string PredicateType { get; init; }

    /// <summary>The manifest.</summary>
    public required ReleaseManifest Predicate { get; init; }

    /// <summary>The statement about a manifest.</summary>
    public static ReleaseStatement About(ReleaseManifest manifest) => new()
    {
        Type = StatementType,
        Subject = [.. SubjectsOf(manifest)],
        PredicateType = ReleasePredicate,
        Predicate = manifest,
    };

    /// <summary>The subjects a statement about <paramref name="manifest"/> must name, in order.</summary>
    public static IEnumerable<StatementSubject> SubjectsOf(ReleaseManifest manifest)
        => manifest.Artifacts().DistinctBy(artifact => artifact.Sha256)
            .Select(artifact => new StatementSubject(artifact.Name, new StatementDigest(artifact.Sha256)));
}

/// <summary>A subject of a statement.</summary>
public sealed record StatementSubject(string Name, StatementDigest Digest);

/// <summary>Digests of a subject by algorithm.</summary>
public sealed record StatementDigest(string Sha256);
