using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Fleet.Contracts.Releases;

/// <summary>
/// Signs and verifies the files of a release by the rules of OpenSSF model signing, so that <c>model_signing verify key</c> says the same
/// of an unpacked bundle as Fleet does. Pure.
/// </summary>
public static class ModelSignature
{
    /// <summary>Most bytes of a signature that are read.</summary>
    public const int MaximumBytes = 256 * 1024;

    private const string Sha256 = "sha256";

    /// <summary>The statement to sign.</summary>
    /// <param name="name">A name for the model; verifiers only show it.</param>
    /// <param name="files">SHA-256 in hexadecimal by path.</param>
    public static byte[] StatementOf(string name, IReadOnlyDictionary<string, string> files)
    {
        ModelResource[] resources = [.. files.OrderBy(file => file.Key, StringComparer.Ordinal)
            .Select(file => new ModelResource(file.Key, Sha256, file.Value))];
        return JsonSerializer.SerializeToUtf8Bytes(new ModelStatement
        {
            Type = ReleaseStatement.StatementType,
            Subject = [new StatementSubject(name, new StatementDigest(RootDigest(resources)))],
            PredicateType = ModelStatement.ModelPredicateType,
            Predicate = new ModelPredicate(
                new ModelSerialization
                {
                    Method = ModelSerialization.Files,
                    HashType = Sha256,
                    IgnorePaths = [BundleFormat.SignatureName],
                },
                resources),
        }, WireJson.Default.ModelStatement);
    }

    /// <summary>The signature as a file.</summary>
    /// <param name="envelope">The statement, signed.</param>
    /// <param name="key">The key that signed it.</param>
    public static byte[] BundleOf(DsseEnvelope envelope, ReleaseKey key) => JsonSerializer.SerializeToUtf8Bytes(new SigstoreBundle
    {
        MediaType = SigstoreBundle.Version03,
        VerificationMaterial = new VerificationMaterial { PublicKey = new PublicKeyHint(HintOf(key)) },
        DsseEnvelope = envelope,
    }, WireJson.Default.SigstoreBundle);

    /// <summary>How a bundle names a key: SHA-256 of its PEM text, as openssl writes it.</summary>
    public static string HintOf(ReleaseKey key) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.ASCII.GetBytes(PemEncoding.WriteString("PUBLIC KEY", key.PublicKey) + "\n")));

    /// <summary>What is wrong with a signature and the files it came with, in a sentence; null when nothing is.</summary>
    /// <param name="bundle">The signature file.</param>
    /// <param name="trusted">Keys that may have signed.</param>
    /// <param name="files">SHA-256 of every file there is, by path.</param>
    public static string? ProblemOf(
        ReadOnlySpan<byte> bundle, IReadOnlyList<ReleaseKey> trusted, IReadOnlyDictionary<string, string> files)
    {
        if (bundle.Length > MaximumBytes) return $"The signature has {bundle.Length:#,0} bytes; at most {MaximumBytes:#,0} are read.";
        ModelStatement? statement;
        try
        {
            var signed = JsonSerializer.Deserialize(bundle, WireJson.Default.SigstoreBundle);
            if (signed is null) return "The signature is empty.";
            if (SignerProblem(signed, trusted) is { } problem) return problem;
            // Nothing inside is parsed before the signature holds.
            statement = JsonSerializer.Deserialize(signed.DsseEnvelope.Payload, WireJson.Default.ModelStatement);
        }
        catch (JsonException e)
        {
            return $"The signature cannot be read: {e.Message}";
        }
        return statement is null ? "The signed statement is empty." : StatementProblem(statement) ?? FilesProblem(statement, files);
    }

    private static string? SignerProblem(SigstoreBundle bundle, IReadOnlyList<ReleaseKey> trusted)
    {
        if (bundle.MediaType != SigstoreBundle.Version03) return $"Media type '{bundle.MediaType}' is not {SigstoreBundle.Version03}.";
        var envelope = bundle.DsseEnvelope;
        if (envelope.PayloadType != DsseEnvelope.InToto) return $"Payload type '{envelope.PayloadType}' is not {DsseEnvelope.InToto}.";
        var hint = bundle.VerificationMaterial.PublicKey?.Hint;
        IReadOnlyList<ReleaseKey> named = [.. trusted.Where(key => string.IsNullOrEmpty(hint) || HintOf(key) == hint)];
        if (named.Count == 0) return $"Signed by key {hint}, which is not trusted here.";
        // The standard's own signatures carry no key id: the first is then judged by every key that the hint leaves.
        foreach (var key in named)
        {
            var signatures = envelope.Signatures.Take(1).Select(signature => signature with { KeyId = key.Id });
            if (EnvelopeSigners.Of(envelope with { Signatures = [.. signatures] }, [key], out _).Count > 0) return null;
        }
        return "The signature does not match what was signed.";
    }

    private static string? StatementProblem(ModelStatement statement)
    {
        if (statement.Type != ReleaseStatement.StatementType) return $"Statement type '{statement.Type}' is not in-toto v1.";
        if (statement.PredicateType != ModelStatement.ModelPredicateType)
            return $"Predicate type '{statement.PredicateType}' is not {ModelStatement.ModelPredicateType}.";
        if (statement.Subject is not [var subject]) return $"The statement has {statement.Subject.Count} subjects; one is allowed.";
        if (statement.Predicate.Serialization is not { Method: ModelSerialization.Files, HashType: Sha256 })
            return "The files were not hashed as a whole with SHA-256, which is the only way that is read here.";
        var resources = statement.Predicate.Resources;
        if (resources.FirstOrDefault(resource => resource.Algorithm != Sha256 || !IsDigest(resource.Digest)) is { } odd)
            return $"The digest of '{odd.Name}' is not SHA-256 in lower-case hexadecimal.";
        if (resources.Select(resource => resource.Name).Distinct(StringComparer.Ordinal).Count() != resources.Count)
            return "A file stands twice in the statement.";
        return RootDigest(resources) == subject.Digest.Sha256
            ? null
            : "The digest of the model is not that of the digests of its files.";
    }

    private static string? FilesProblem(ModelStatement statement, IReadOnlyDictionary<string, string> files)
    {
        var signed = statement.Predicate.Resources.ToDictionary(resource => resource.Name, resource => resource.Digest);
        foreach (var (name, digest) in signed)
        {
            if (!files.TryGetValue(name, out var found)) return $"File '{name}' is signed and missing.";
            if (found != digest) return $"File '{name}' was changed after it was signed.";
        }
        var ignored = statement.Predicate.Serialization.IgnorePaths;
        return files.Keys.FirstOrDefault(name => !signed.ContainsKey(name) && !ignored.Contains(name)) is { } extra
            ? $"File '{extra}' is there and not signed."
            : null;
    }

    private static bool IsDigest(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);

    private static string RootDigest(IReadOnlyList<ModelResource> resources)
        => Convert.ToHexStringLower(SHA256.HashData([.. resources.SelectMany(resource => Convert.FromHexString(resource.Digest))]));
}
