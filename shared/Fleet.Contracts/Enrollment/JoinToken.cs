using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Fleet.Contracts.Enrollment;

/// <summary>
/// What an operator hands to a device: <c>fleet1.{id}.{secret}.{fingerprint}.{root}</c>. The fingerprint lets the device know the server
/// before it says anything, the root whom it takes orders from; the server keeps only a hash of the secret.
/// </summary>
/// <param name="Id">Finds the token, 16 hexadecimal digits.</param>
/// <param name="Secret">Proves it, 64 hexadecimal digits (256 bits of chance).</param>
/// <param name="AuthorityFingerprint">SHA-256 of the DER certificate of the server's CA, 64 hexadecimal digits.</param>
/// <param name="Root">SHA-256 of the payload of the fleet's root, 64 hexadecimal digits; null in a token from before there were roots:
/// the device then trusts the root it is shown.</param>
public sealed record JoinToken(string Id, string Secret, string AuthorityFingerprint, string? Root = null)
{
    private const string Prefix = "fleet1";

    /// <summary>A new token for the CA of that fingerprint and the root of that digest.</summary>
    public static JoinToken Create(string authorityFingerprint, string? root = null) => new(
        RandomNumberGenerator.GetHexString(16, lowercase: true),
        RandomNumberGenerator.GetHexString(64, lowercase: true), authorityFingerprint, root);

    /// <summary>Reads a token.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out JoinToken? token)
    {
        token = text?.Trim().Split('.') switch
        {
            [Prefix, var id, var secret, var fingerprint] => new JoinToken(id, secret, fingerprint),
            [Prefix, var id, var secret, var fingerprint, var root] => new JoinToken(id, secret, fingerprint, root),
            _ => null,
        };
        if (token is not { Id.Length: 16, Secret.Length: 64, AuthorityFingerprint.Length: 64, Root: null or { Length: 64 } }
            || !(token.Id + token.Secret + token.AuthorityFingerprint + token.Root).All(char.IsAsciiHexDigitLower))
            token = null;
        return token is not null;
    }

    /// <summary>What the server keeps of a secret. A plain hash is enough: 256 random bits cannot be guessed from it.</summary>
    public static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(secret)));

    /// <summary>The text a device is given. Records print their members; this one must only ever be printed on purpose.</summary>
    public string Reveal() => $"{Prefix}.{Id}.{Secret}.{AuthorityFingerprint}{(Root is null ? "" : $".{Root}")}";

    /// <summary>The id alone: a log that names a token does not give it away.</summary>
    public override string ToString() => $"join token {Id}";
}
