using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.Agent.Enrollment;

/// <summary>
/// When a server is the right one: its chain ends at the CA that this device knows, and its certificate names the host that was called.
/// </summary>
internal static class ServerTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>The rules for TLS once the CA is known. The host name is checked by the TLS stream itself.</summary>
    public static X509ChainPolicy PolicyFor(X509Certificate2 authority)
    {
        var policy = IssuedBy(authority);
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        return policy;
    }

    /// <summary>The rules for a certificate of any use that must come from the CA.</summary>
    public static X509ChainPolicy IssuedBy(X509Certificate2 authority)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // The server leaves its own CA's certificates on devices to expiry.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.Add(authority);
        return policy;
    }

    /// <summary>
    /// Finds the CA with that fingerprint among what a server sent, and judges the server by it. Used once, at enrollment, when the
    /// fingerprint in the join token is all that the device knows.
    /// </summary>
    /// <param name="sent">The certificate the server showed.</param>
    /// <param name="chain">The certificates that came with it.</param>
    /// <param name="errors">What the TLS stream found; only a wrong name matters here.</param>
    /// <param name="fingerprint">SHA-256 of the CA, lower-case hexadecimal.</param>
    /// <param name="problem">Why it is not the right server, in a sentence.</param>
    public static bool IsServerOf(
        string fingerprint, X509Certificate? sent, X509Chain? chain, SslPolicyErrors errors, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        if (sent is not X509Certificate2 certificate || chain is null)
        {
            problem = "The server showed no certificate.";
            return false;
        }
        X509Certificate2[] shown = [.. chain.ChainElements.Select(element => element.Certificate), .. chain.ChainPolicy.ExtraStore];
        if (Array.Find(shown, candidate => FingerprintOf(candidate) == fingerprint) is not { } authority)
        {
            var found = string.Join(", ", shown.Select(FingerprintOf).Distinct().Select(Short));
            problem = "The server's certificate was not issued by the authority of the join token "
                + $"(wanted {Short(fingerprint)}, shown {found}). Check the address; if it is right, ask for a new token.";
            return false;
        }
        using var judged = new X509Chain { ChainPolicy = PolicyFor(authority) };
        judged.ChainPolicy.ExtraStore.AddRange(shown);
        if (!judged.Build(certificate))
        {
            var reasons = judged.ChainStatus.Select(status => status.StatusInformation.Trim());
            problem = $"The server's certificate is not valid: {string.Join(' ', reasons)}";
        }
        else if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            problem = "The server's certificate does not name the host that was called. Use the server's public host name.";
        }
        return problem is null;
    }

    /// <summary>SHA-256 of a certificate, lower-case hexadecimal.</summary>
    public static string FingerprintOf(X509Certificate2 certificate)
        => Convert.ToHexStringLower(SHA256.HashData(certificate.RawDataMemory.Span));

    private static string Short(string fingerprint) => fingerprint[..8] + "…";
}
