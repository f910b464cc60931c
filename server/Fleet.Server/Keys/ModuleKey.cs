using System.Security.Cryptography;

namespace Fleet.Server.Keys;

/// <summary>A P-256 key whose private half never leaves a security module.</summary>
/// <param name="module">The module.</param>
/// <param name="id">What the module knows it by.</param>
/// <param name="point">Its public half.</param>
internal sealed class ModuleKey(SecurityModule module, byte[] id, ECPoint point) : ECDsa
{
    /// <inheritdoc/>
    public override int KeySize { get => 256; set => throw Fixed(); }

    /// <summary>Why it does not sign now; null when it does.</summary>
    public string? Problem() => module.Problem();

    /// <inheritdoc/>
    public override byte[] SignHash(byte[] hash) => module.Sign(id, hash);

    /// <inheritdoc/>
    public override bool VerifyHash(byte[] hash, byte[] signature)
    {
        using var key = Create(ExportParameters(includePrivateParameters: false));
        return key.VerifyHash(hash, signature);
    }

    /// <inheritdoc/>
    public override ECParameters ExportParameters(bool includePrivateParameters) => includePrivateParameters
        ? throw new CryptographicException("The key does not leave its security module.")
        : new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point };

    /// <inheritdoc/>
    public override void ImportParameters(ECParameters parameters) => throw Fixed();

    /// <inheritdoc/>
    public override void GenerateKey(ECCurve curve) => throw Fixed();

    private static CryptographicException Fixed() => new("The key of a security module is what it is.");
}
