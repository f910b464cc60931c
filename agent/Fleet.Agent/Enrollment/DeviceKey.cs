using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;

namespace Fleet.Agent.Enrollment;

/// <summary>Creates the device's key pair and the request for its certificate.</summary>
internal static class DeviceKey
{
    /// <summary>A new P-256 key as PKCS#8 PEM, and the signing request for it.</summary>
    public static (string PrivateKey, string SigningRequest) Create(DeviceId device)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName($"CN={device}"), key, HashAlgorithmName.SHA256);
        return (key.ExportPkcs8PrivateKeyPem(), request.CreateSigningRequestPem());
    }

    /// <summary>Why a certificate from the server must not be used; null when it may be.</summary>
    public static string? ProblemOf(string certificate, string privateKey, X509Certificate2 authority, DeviceId device)
    {
        try
        {
            using var issued = X509Certificate2.CreateFromPem(certificate, privateKey); // Throws when the key does not match.
            var name = issued.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
            if (name != device.Value) return $"The certificate is for '{name}', not for {device}.";
            using var chain = new X509Chain { ChainPolicy = ServerTrust.IssuedBy(authority) };
            // A device without a clock must not refuse its first certificate because it believes in 1970.
            chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
            return chain.Build(issued) ? null : "The certificate was not issued by the server's authority.";
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return $"The certificate does not match this device's key: {e.Message}";
        }
    }
}
