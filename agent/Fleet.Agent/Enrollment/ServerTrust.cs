using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.Agent.Enrollment;

/// <summary>
/// When a server is the right one: its chain ends at the CA that this device knows, its certificate names the host that was called, and has
/// not ended. Devices have wrong clocks, so the time is judged by evidence and not by the chain.
/// </summary>
internal static class ServerTrust
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>
    /// Judges the server of a connection. Who refuses it throws, because that is how the reason reaches whoever asked for the connection:
    /// a plain no is told as "rejected by the provided callback".
    /// </summary>
    /// <param name="authority">The CA that this device knows.</param>
    /// <param name="trusted">What time it is.</param>
    public static RemoteCertificateValidationCallback Judging(X509Certificate2 authority, TrustedTime trusted)
        => (_, sent, chain, errors) => IsServer(sent, chain, authority, errors, trusted);

    /// <summary>The same where only the digest of the CA is known.</summary>
    /// <param name="fingerprint">SHA-256 of the CA, lower-case hexadecimal: all that a device knows which enrolls.</param>
    /// <param name="trusted">What time it is.</param>
    public static RemoteCertificateValidationCallback Judging(string fingerprint, TrustedTime trusted)
        => (_, sent, chain, errors) => IsServer(sent, chain, AuthorityIn(ShownBy(sent, chain), fingerprint), errors, trusted);

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
    /// Why a certificate is not valid now; null when it is. One that begins later than this device knows of says itself that time has
    /// passed. One that has ended by the time that is accounted for may still be right by the device's own clock: a signed time that was
    /// far ahead must not keep the order away that brings it back.
    /// </summary>
    /// <param name="certificate">What the server showed.</param>
    /// <param name="trusted">The time that is accounted for.</param>
    /// <param name="own">What the device's own clock says.</param>
    internal static string? ProblemOf(X509Certificate2 certificate, DateTimeOffset trusted, DateTimeOffset own)
    {
        var (begin, end) = (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime());
        if (trusted <= end || (own >= begin && own <= end)) return null;
        return $"The server's certificate ended at {end:u}. This device has accounted for {trusted:u}, and its own clock says {own:u}: set "
            + "this device's clock if that is wrong; if it is right, the server's clock is behind";
    }

    private static bool IsServer(
        X509Certificate? sent, X509Chain? chain, X509Certificate2 authority, SslPolicyErrors errors, TrustedTime trusted)
    {
        var shown = ShownBy(sent, chain);
        using var judged = new X509Chain { ChainPolicy = IssuedBy(authority) };
        judged.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        judged.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        judged.ChainPolicy.ExtraStore.AddRange(shown);
        if (!judged.Build(shown[0]))
        {
            var reasons = judged.ChainStatus.Select(status => status.StatusInformation.Trim());
            throw new AuthenticationException($"The server's certificate is not valid: {string.Join(' ', reasons)}");
        }
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            throw new AuthenticationException(
                "The server's certificate does not name the host that was called. Use the server's public host name.");
        }
        foreach (var certificate in (X509Certificate2[])[shown[0], authority])
            if (ProblemOf(certificate, trusted.Latest(), trusted.Own()) is { } problem) throw new AuthenticationException(problem);
        return true;
    }

    private static X509Certificate2 AuthorityIn(X509Certificate2[] shown, string fingerprint)
        => Array.Find(shown, candidate => FingerprintOf(candidate) == fingerprint) ?? throw new AuthenticationException(
            "The server's certificate was not issued by the authority of the join token "
                + $"(wanted {Short(fingerprint)}, shown {string.Join(", ", shown.Select(FingerprintOf).Distinct().Select(Short))}). "
                + "Check the address; if it is right, ask for a new token.");

    /// <summary>The server's own certificate, then whatever came with it.</summary>
    private static X509Certificate2[] ShownBy(X509Certificate? sent, X509Chain? chain)
        => sent is X509Certificate2 certificate && chain is not null
            ? [certificate, .. chain.ChainElements.Select(element => element.Certificate), .. chain.ChainPolicy.ExtraStore]
            : throw new AuthenticationException("The server showed no certificate.");

    /// <summary>SHA-256 of a certificate, lower-case hexadecimal.</summary>
    public static string FingerprintOf(X509Certificate2 certificate)
        => Convert.ToHexStringLower(SHA256.HashData(certificate.RawDataMemory.Span));

    private static string Short(string fingerprint) => fingerprint[..8] + "…";
}
