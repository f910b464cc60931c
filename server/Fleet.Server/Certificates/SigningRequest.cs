using System.Diagnostics.CodeAnalysis;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Pkcs;
using Org.BouncyCastle.Security;

namespace Fleet.Server.Certificates;

/// <summary>
/// A certificate signing request (PKCS#10) whose sender has proved that it holds the key. Of what it asks for only the public key is
/// taken.
/// </summary>
/// <param name="Key">The public key.</param>
internal sealed record SigningRequest(PublicKey Key)
{
    private const string EllipticCurve = "1.2.840.10045.2.1";
    private const string Ed25519 = "1.3.101.112";

    private static readonly Dictionary<string, string> Curves = new()
    {
        ["1.2.840.10045.3.1.7"] = "P-256",
        ["1.3.132.0.34"] = "P-384",
        ["1.3.132.0.35"] = "P-521",
        ["1.3.132.0.6"] = "secp112r1",
        ["1.3.132.0.10"] = "secp256k1",
        ["1.3.132.0.33"] = "secp224r1",
        ["1.2.840.10045.3.1.1"] = "P-192",
    };

    /// <summary>See <see cref="IssuedCertificate.KeyHashOf"/>.</summary>
    public string KeyHash => IssuedCertificate.KeyHashOf(Key);

    /// <summary>Reads a request in PEM.</summary>
    /// <param name="pem">The text.</param>
    /// <param name="request">The request.</param>
    /// <param name="problem">Why it is refused, in a sentence.</param>
    public static bool TryRead(string pem, [NotNullWhen(true)] out SigningRequest? request, [NotNullWhen(false)] out string? problem)
    {
        request = null;
        if (!PemEncoding.TryFind(pem, out var fields) || pem[fields.Label] is not ("CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST"))
        {
            problem = "It is not a PKCS#10 request in PEM.";
            return false;
        }
        return TryRead(Convert.FromBase64String(pem[fields.Base64Data]), out request, out problem);
    }

    /// <summary>Reads a request in DER.</summary>
    /// <inheritdoc cref="TryRead(string, out SigningRequest?, out string?)"/>
    public static bool TryRead(byte[] der, [NotNullWhen(true)] out SigningRequest? request, [NotNullWhen(false)] out string? problem)
    {
        request = null;
        try
        {
            var asked = CertificateRequest.LoadSigningRequest(
                der, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.SkipSignatureValidation);
            problem = ProblemOf(asked.PublicKey) ?? (IsSigned(der) ? null : "It is not signed by the key it carries.");
            if (problem is null) request = new SigningRequest(asked.PublicKey);
        }
        // Whatever a stranger's bytes make the readers throw: they are a broken request, never a broken server.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            problem = "It cannot be read.";
        }
        return request is not null;
    }

    private static string? ProblemOf(PublicKey key)
    {
        const string accepted = "keys on P-256, keys on P-384 and Ed25519 keys are certified.";
        switch (key.Oid.Value)
        {
            case Ed25519:
                return null;
            case EllipticCurve when CurveOf(key) is var curve:
                var name = Curves.GetValueOrDefault(curve, curve);
                return name is "P-256" or "P-384" ? null : $"Its key is on the curve {name}; {accepted}";
            default:
                return $"Its key is of the kind {key.Oid.FriendlyName ?? key.Oid.Value}; {accepted}";
        }
    }

    private static string CurveOf(PublicKey key)
    {
        var parameters = new AsnReader(key.EncodedParameters!.RawData, AsnEncodingRules.DER);
        // Parameters spelled out instead of named are a way to smuggle in a weak generator (CVE-2020-0601).
        return parameters.PeekTag() == Asn1Tag.ObjectIdentifier ? parameters.ReadObjectIdentifier() : "without a name";
    }

    /// <summary>.NET verifies no Ed25519; one library for every kind of key means one behaviour.</summary>
    private static bool IsSigned(byte[] der)
    {
        var request = new Pkcs10CertificationRequest(der);
        return request.Verify(PublicKeyFactory.CreateKey(request.GetCertificationRequestInfo().SubjectPublicKeyInfo));
    }
}
