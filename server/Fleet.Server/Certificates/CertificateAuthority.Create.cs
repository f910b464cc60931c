using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.Platform;

namespace Fleet.Server.Certificates;

/// <summary>The part that makes a new authority.</summary>
internal sealed partial class CertificateAuthority
{
    /// <summary>
    /// Gives an authority whose certificate is of a wrong time a new one. The key stays, and with it what it signed; devices trust the
    /// certificate, so those that know the old one must enroll again.
    /// </summary>
    /// <returns>The file.</returns>
    /// <exception cref="InvalidDataException">There is none, or it is valid now, or the clock is wrong.</exception>
    public static string BeginAnew(string folder, TimeProvider time)
    {
        var (keyFile, certificateFile) = FilesIn(folder);
        var now = time.GetUtcNow();
        if (AuthorityClock.ProblemOf(now) is { } wrong) throw new InvalidDataException(wrong);
        if (!File.Exists(certificateFile)) throw new InvalidDataException($"There is no authority in {folder}: nothing was changed.");
        using var before = Read(keyFile, certificateFile);
        if (AuthorityClock.ProblemOf(before, certificateFile, now) is null)
            throw new InvalidDataException($"The authority in {certificateFile} is valid now: nothing was changed.");
        using var key = before.GetECDsaPrivateKey()!;
        File.Copy(certificateFile, certificateFile + ".before", overwrite: true);
        DurableFile.Write(certificateFile, CertificateOf(key, now));
        return certificateFile;
    }

    private static void Create(string keyFile, string certificateFile, TimeProvider time)
    {
        var now = time.GetUtcNow();
        if (AuthorityClock.ProblemOf(now) is { } wrong) throw new InvalidDataException(wrong);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Directory.CreateDirectory(Path.GetDirectoryName(keyFile)!);
        // The key first: a certificate without one would look like a loss.
        DurableFile.Write(keyFile, Encoding.UTF8.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        DurableFile.Write(certificateFile, CertificateOf(key, now));
    }

    private static byte[] CertificateOf(ECDsa key, DateTimeOffset now)
    {
        var request = new CertificateRequest(new X500DistinguishedName("CN=Fleet CA"), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using var certificate = request.CreateSelfSigned(AuthorityClock.Earliest, now.AddYears(Years));
        return Encoding.UTF8.GetBytes(certificate.ExportCertificatePem() + "\n");
    }
}
