using System.Security.Cryptography;

namespace Fleet.Contracts.Releases;

/// <summary>Whether a signature of a key over these bytes holds. What is no signature of that key at all does not.</summary>
/// <param name="key">The key.</param>
/// <param name="signedBytes">The bytes.</param>
/// <param name="signature">The signature.</param>
public delegate bool SignatureCheck(ReleaseKey key, byte[] signedBytes, byte[] signature);

/// <summary>Whose signatures on an envelope hold. Judged over the bytes as received; nothing inside them is parsed for it.</summary>
public static class EnvelopeSigners
{
    /// <summary>The trusted keys by which <paramref name="envelope"/> is signed, each once, however often it signed.</summary>
    /// <param name="envelope">The envelope; with more than <see cref="Limits.SignaturesPerEnvelope"/> signatures nobody signed it.</param>
    /// <param name="trusted">The keys that count.</param>
    /// <param name="named">True when a signature names one of them, whether or not it holds.</param>
    /// <param name="check">How a signature is checked; null for ECDSA, which keys of a fleet are for.</param>
    public static IReadOnlyList<ReleaseKey> Of(
        DsseEnvelope envelope, IReadOnlyList<ReleaseKey> trusted, out bool named, SignatureCheck? check = null)
    {
        named = false;
        if (envelope.Signatures.Count > Limits.SignaturesPerEnvelope) return [];
        var signedBytes = DsseEnvelope.PreAuthenticationEncoding(envelope.PayloadType, envelope.Payload);
        var signers = new List<ReleaseKey>();
        foreach (var signature in envelope.Signatures)
        {
            if (trusted.FirstOrDefault(key => key.Id == signature.KeyId) is not { } key) continue;
            named = true;
            if (!signers.Contains(key) && (check ?? HoldsByEcdsa)(key, signedBytes, signature.Sig)) signers.Add(key);
        }
        return signers;
    }

    /// <summary>The ids of keys, shortened for a sentence.</summary>
    public static string Shortened(IEnumerable<string> ids)
        => string.Join(", ", ids.Select(id => id.Length > 8 ? id[..8] + "…" : id).DefaultIfEmpty("nobody"));

    /// <summary>Whether a signature by ECDSA over SHA-256 holds.</summary>
    /// <inheritdoc cref="SignatureCheck"/>
    public static bool HoldsByEcdsa(ReleaseKey key, byte[] signedBytes, byte[] signature)
    {
        using var ecdsa = ECDsa.Create();
        try
        {
            ecdsa.ImportSubjectPublicKeyInfo(key.PublicKey, out _);
            return ecdsa.VerifyData(signedBytes, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        }
        // A key that cannot be read, or bytes that are not a signature, prove nothing; the others may still do.
        catch (CryptographicException) { return false; }
    }
}
