using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Releases;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Security;

namespace Fleet.Server.Certificates;

/// <summary>What devices sign with the key of their certificate: receipts, and reports that are carried.</summary>
internal static class DeviceSignature
{
    private const string Ed25519 = "1.3.101.112";

    /// <summary>The key of a certificate; null for any other kind, which is never certified.</summary>
    public static ReleaseKey? KeyOf(X509Certificate2 certificate)
    {
        if (certificate.PublicKey.Oid.Value == Ed25519) return ReleaseKey.Of(certificate.PublicKey.ExportSubjectPublicKeyInfo());
        using var key = certificate.GetECDsaPublicKey();
        return key is null ? null : ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>Whether a signature of a device's key holds: ECDSA over SHA-256, or Ed25519, which .NET does not verify.</summary>
    public static bool Holds(ReleaseKey key, byte[] signedBytes, byte[] signature)
    {
        if (ReadEd25519(key.PublicKey) is not { } edwards) return EnvelopeSigners.HoldsByEcdsa(key, signedBytes, signature);
        var verifier = new Ed25519Signer();
        verifier.Init(forSigning: false, edwards);
        verifier.BlockUpdate(signedBytes, 0, signedBytes.Length);
        return verifier.VerifySignature(signature);
    }

    private static Ed25519PublicKeyParameters? ReadEd25519(byte[] subjectPublicKeyInfo)
    {
        try
        {
            return PublicKeyFactory.CreateKey(subjectPublicKeyInfo) as Ed25519PublicKeyParameters;
        }
        // What that library cannot read is none of its keys.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return null;
        }
    }
}
