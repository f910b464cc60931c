using System.Security.Cryptography;

namespace Fleet.Contracts.Releases;

/// <summary>Whose signatures on an envelope hold. Judged over the bytes as received; nothing inside them is parsed for it.</summary>
public static class EnvelopeSigners
{
    /// <summary>The trusted keys by which <paramref name="envelope"/> is signed, each once, however often it signed.</summary>
    /// <param name="envelope">The envelope; with more than <see cref="Limits.SignaturesPerEnvelope"/> signatures nobody signed it.</param>
    /// <param name="trusted">The keys that count.</param>
    /// <param name="named">True when a signature names one of them, whether or not it holds.</param>
    public static IReadOnlyList<ReleaseKey> Of(DsseEnvelope envelope, IReadOnlyList<ReleaseKey> trusted, out bool named)
    {
        named = false;
        if (envelope.Signatures.Count > Limits.SignaturesPerEnvelope) return [];
        var signedBytes = DsseEnvelope.PreAuthenticationEncoding(envelope.PayloadType, envelope.Payload);
        var signers = new List<ReleaseKey>();
        foreach (var signature in envelope.Signatures)
        {
            if (trusted.FirstOrDefault(key => key.Id == signature.KeyId) is not { } key) continue;
            named = true;
            if (!signers.Contains(key) && Holds(key, signedBytes, signature.Sig)) signers.Add(key);
        }
        return signers;
    }

    /// <summary>The ids of keys, shortened for a sentence.</summary>
    public static string Shortened(IEnumerable<string> ids)
        => string.Join(", ", ids.Select(id => id.Length > 8 ? id[..8] + "…" : id).DefaultIfEmpty("nobody"));

    private static bool Holds(ReleaseKey trusted, byte[] signedBytes, byte[] signature)
    {
        using var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(trusted.PublicKey, out _);
            return key.VerifyData(signedBytes, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        }
        // A key that cannot be read, or bytes that are not a signature, prove nothing; the others may still do.
        catch (CryptographicException) { return false; }
    }
}
