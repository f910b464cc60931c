using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Releases;

/// <summary>A signed payload (DSSE, https://github.com/secure-systems-lab/dsse).</summary>
public sealed record DsseEnvelope
{
    /// <summary>Payload type of an in-toto statement.</summary>
    public const string InToto = "application/vnd.in-toto+json";

    /// <summary>Media type of the payload.</summary>
    public required string PayloadType { get; init; }

    /// <summary>The signed bytes, Base64 on the wire.</summary>
    public required byte[] Payload { get; init; }

    /// <summary>Signatures, one of which must be by a trusted key.</summary>
    public required IReadOnlyList<DsseSignature> Signatures { get; init; }

    /// <summary>PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body, which is what gets signed.</summary>
    public static byte[] PreAuthenticationEncoding(string payloadType, ReadOnlySpan<byte> payload)
        => [.. Encoding.UTF8.GetBytes($"DSSEv1 {Encoding.UTF8.GetByteCount(payloadType)} {payloadType} {payload.Length} "), .. payload];

    /// <summary>Signs <paramref name="payload"/> with ECDSA P-256 over SHA-256.</summary>
    public static DsseEnvelope Sign(string payloadType, byte[] payload, ECDsa key)
        => new DsseEnvelope { PayloadType = payloadType, Payload = payload, Signatures = [] }.SignedBy(key);

    /// <summary>
    /// The envelope with a signature of <paramref name="key"/> before all others; one that the key made earlier is replaced.
    /// </summary>
    public DsseEnvelope SignedBy(ECDsa key)
    {
        var id = ReleaseKey.IdOf(key.ExportSubjectPublicKeyInfo());
        var signature = key.SignData(
            PreAuthenticationEncoding(PayloadType, Payload), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        return this with { Signatures = [new DsseSignature(id, signature), .. Signatures.Where(one => one.KeyId != id)] };
    }

    /// <summary>SHA-256 of the signed bytes in lower-case hexadecimal: names what was signed, whoever signs it again.</summary>
    public string Digest() => Convert.ToHexStringLower(SHA256.HashData(Payload));
}

/// <summary>One signature of an envelope.</summary>
/// <param name="KeyId">Which key, by <see cref="ReleaseKey.IdOf"/>: a hint, never trusted by itself.</param>
/// <param name="Sig">The signature, DER, Base64 on the wire.</param>
public sealed record DsseSignature([property: JsonPropertyName("keyid")] string KeyId, byte[] Sig);

/// <summary>A public key of the fleet: of its root, of releases or of orders.</summary>
/// <param name="Id">Lower-case hexadecimal SHA-256 of <paramref name="PublicKey"/>.</param>
/// <param name="PublicKey">SubjectPublicKeyInfo, DER, Base64 on the wire.</param>
public sealed record ReleaseKey(string Id, byte[] PublicKey)
{
    /// <summary>The id of a public key.</summary>
    public static string IdOf(ReadOnlySpan<byte> subjectPublicKeyInfo) => Convert.ToHexStringLower(SHA256.HashData(subjectPublicKeyInfo));

    /// <summary>The trusted form of a public key.</summary>
    public static ReleaseKey Of(byte[] subjectPublicKeyInfo) => new(IdOf(subjectPublicKeyInfo), subjectPublicKeyInfo);
}
