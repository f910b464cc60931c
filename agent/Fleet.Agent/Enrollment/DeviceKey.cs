using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.Agent.Disk;
using Fleet.Contracts.Devices;
using Fleet.Platform;

namespace Fleet.Agent.Enrollment;

/// <summary>Creates the device's key pair and the request for its certificate.</summary>
internal static class DeviceKey
{
    /// <summary>
    /// A P-256 key as PKCS#8 PEM, and the signing request for it. The key is on disk before anybody is asked, and the same one until
    /// <see cref="Forget"/>: an answer that is lost is asked for again, and the server gives the same certificate.
    /// </summary>
    public static (string PrivateKey, string SigningRequest) Pending(DataFolder folder, DeviceId device)
    {
        using var key = Read(folder) ?? ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = key.ExportPkcs8PrivateKeyPem();
        DurableFile.Write(folder.PendingKey, Encoding.ASCII.GetBytes(pem));
        var request = new CertificateRequest(new X500DistinguishedName($"CN={device}"), key, HashAlgorithmName.SHA256);
        return (pem, request.CreateSigningRequestPem());
    }

    /// <summary>The certificate has arrived, and the key is kept with it.</summary>
    public static void Forget(DataFolder folder) => File.Delete(folder.PendingKey);

    /// <summary>SHA-256 of the public key, lower-case hexadecimal: what an operator compares before approving a device.</summary>
    public static string FingerprintOf(string privateKey)
    {
        using var key = ECDsa.Create();
        key.ImportFromPem(privateKey);
        return Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
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

    /// <summary>The pending key, or null when there is none that reads: then a new one is as good.</summary>
    private static ECDsa? Read(DataFolder folder)
    {
        if (DurableFile.Read(folder.PendingKey) is not { } content) return null;
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(Encoding.ASCII.GetString(content));
            if (key.KeySize == 256) return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            // A file that something else has written or cut.
        }
        key.Dispose();
        return null;
    }
}
