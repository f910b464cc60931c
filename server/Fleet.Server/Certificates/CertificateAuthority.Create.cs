using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.Platform;

namespace Fleet.Server.Certificates;

/// <summary>The part that makes a new authority.</summary>
internal sealed partial class CertificateAuthority
{
    private static void Create(string keyFile, string certificateFile, TimeProvider time)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName("CN=Fleet CA"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = time.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now - ClockSkew, now.AddYears(Years));
        Directory.CreateDirectory(Path.GetDirectoryName(keyFile)!);
        // The key first: a certificate without one would look like a loss.
        DurableFile.Write(keyFile, Encoding.UTF8.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        DurableFile.Write(certificateFile, Encoding.UTF8.GetBytes(certificate.ExportCertificatePem() + "\n"));
    }
}
