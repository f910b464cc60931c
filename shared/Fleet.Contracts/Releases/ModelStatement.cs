using System.Text.Json.Serialization;

namespace Fleet.Contracts.Releases;

/// <summary>
/// What OpenSSF model signing signs: an in-toto statement (v1) whose predicate lists the files of a model with their digests
/// (https://github.com/sigstore/model-transparency, predicate v1.0).
/// </summary>
public sealed record ModelStatement
{
    /// <summary>The predicate type of model signing 1.0.</summary>
    public const string ModelPredicateType = "https://model_signing/signature/v1.0";

    /// <summary>Always <see cref="ReleaseStatement.StatementType"/>.</summary>
    [JsonPropertyName("_type")] public required string Type { get; init; }

    /// <summary>One: the model, with the SHA-256 over the digests of its files.</summary>
    public required IReadOnlyList<StatementSubject> Subject { get; init; }

    /// <summary>Always <see cref="ModelPredicateType"/>.</summary>
    public required string PredicateType { get; init; }

    /// <summary>The files.</summary>
    public required ModelPredicate Predicate { get; init; }
}

/// <summary>The files of a model, and how they were read.</summary>
public sealed record ModelPredicate(ModelSerialization Serialization, IReadOnlyList<ModelResource> Resources);

/// <summary>How the files were read: each as a whole.</summary>
public sealed record ModelSerialization
{
    /// <summary>The only method written and read here.</summary>
    public const string Files = "files";

    /// <summary><see cref="Files"/>.</summary>
    public required string Method { get; init; }

    /// <summary>The digest of each file.</summary>
    [JsonPropertyName("hash_type")] public required string HashType { get; init; }

    /// <summary>Whether a link counts as the file it leads to.</summary>
    [JsonPropertyName("allow_symlinks")] public bool AllowSymlinks { get; init; }

    /// <summary>Files in the folder that are not part of the model: the signature itself.</summary>
    [JsonPropertyName("ignore_paths")] public IReadOnlyList<string> IgnorePaths { get; set; } = [];
}

/// <summary>One file of a model.</summary>
/// <param name="Name">Its path in the model's folder.</param>
/// <param name="Algorithm">Always <c>sha256</c>.</param>
/// <param name="Digest">Its digest in hexadecimal.</param>
public sealed record ModelResource(string Name, string Algorithm, string Digest);

/// <summary>A signature as a file: a sigstore bundle (v0.3) with a key that the reader has.</summary>
public sealed record SigstoreBundle
{
    /// <summary>The media type of version 0.3.</summary>
    public const string Version03 = "application/vnd.dev.sigstore.bundle.v0.3+json";

    /// <summary><see cref="Version03"/>.</summary>
    public required string MediaType { get; init; }

    /// <summary>Which key signed.</summary>
    public required VerificationMaterial VerificationMaterial { get; init; }

    /// <summary>What was signed.</summary>
    public required DsseEnvelope DsseEnvelope { get; init; }
}

/// <summary>By what a bundle is verified.</summary>
public sealed record VerificationMaterial
{
    /// <summary>The key; null for a bundle that is verified by a certificate, which is not read here.</summary>
    public PublicKeyHint? PublicKey { get; init; }

    /// <summary>Entries of a transparency log: none for a key of one's own, and none is read.</summary>
    public IReadOnlyList<string> TlogEntries { get; set; } = [];
}

/// <summary>Names a key.</summary>
/// <param name="Hint">Lower-case hexadecimal SHA-256 of the key's PEM text.</param>
public sealed record PublicKeyHint(string? Hint = null);
