using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Fleet.Contracts.Enrollment;

/// <summary>
/// What an operator hands to a device: <c>fleet1.{id}.{secret}.{fingerprint}</c>. The fingerprint lets the device know the server
/// before it says anything; the server keeps only a hash of the secret.
/// </summary>
/// <param name="Id">Finds the token, 16 hexadecimal digits.</param>
/// <param name="Secret">Proves it, 64 hexadecimal digits (256 bits of chance).</param>
/// <param name="AuthorityFingerprint">SHA-256 of the DER certificate of the server's CA, 64 hexadecimal digits.</param>
public sealed record JoinToken(string Id, string Secret, string AuthorityFingerprint)
{
    private const string Prefix = "fleet1";

    /// <summary>A new token for the CA of that fingerprint.</summary>
    public static JoinToken Create(string authorityFingerprint) => new(
        RandomNumberGenerator.GetHexString(16, lowercase: true),
        RandomNumberGenerator.GetHexString(64, lowercase: true), authorityFingerprint);

    /// <summary>Reads a token.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out JoinToken? token)
    {
        token = text?.Trim().Split('.') is [Prefix, { Length: 16 } id, { Length: 64 } secret, { Length: 64 } fingerprint]
            && (id + secret + fingerprint).All(c => char.IsAsciiHexDigitLower(c))
            ? new JoinToken(id, secret, fingerprint)
            : null;
        return token is not null;
    }

    /// <summary>What the server keeps of a secret. A plain hash is enough: 256 random bits cannot be guessed from it.</summary>
    public static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(secret)));

    /// <summary>The text a device is given. Records print their members; this one must only ever be printed on purpose.</summary>
    public string Reveal() => $"{Prefix}.{Id}.{Secret}.{AuthorityFingerprint}";

    /// <summary>The id alone: a log that names a token does not give it away.</summary>
    public override string ToString() => $"join token {Id}";
}
