using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Releases;
using Fleet.Platform;

namespace Fleet.Server.Keys;

/// <summary>A key of the fleet that this server signs with: ECDSA P-256, in a file of its own user or in a security module.</summary>
internal sealed class SigningKey : IDisposable
{
    private readonly ECDsa _key;

    /// <summary>A key that lies elsewhere.</summary>
    /// <param name="key">It; disposed with this.</param>
    public SigningKey(ECDsa key)
    {
        _key = key;
        Public = ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>What others know it by.</summary>
    public ReleaseKey Public { get; }

    /// <summary>Reads the key of that file, or makes one there.</summary>
    /// <exception cref="InvalidDataException">The file holds no P-256 key. It is not replaced: devices trust the one that was
    /// there.</exception>
    public static SigningKey OpenOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var created = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            DurableFile.Write(path, Encoding.UTF8.GetBytes(created.ExportPkcs8PrivateKeyPem() + "\n"));
        }
        return Open(path);
    }

    /// <summary>Reads the key of that file.</summary>
    /// <inheritdoc cref="OpenOrCreate"/>
    public static SigningKey Open(string path)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            if (key.KeySize != 256) throw new CryptographicException($"it has {key.KeySize} bits");
            return new SigningKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidDataException($"{path} holds no ECDSA P-256 private key ({e.Message}). Devices trust the key that was "
                + $"there: restore it from a backup.", e);
        }
    }

    /// <summary>True when its private half is in a security module.</summary>
    public bool IsInModule => _key is ModuleKey;

    /// <summary>Why it does not sign now; null when it does.</summary>
    public string? Problem() => (_key as ModuleKey)?.Problem();

    /// <summary>Signs a payload.</summary>
    public DsseEnvelope Sign(string payloadType, byte[] payload)
        => Sign(new DsseEnvelope { PayloadType = payloadType, Payload = payload, Signatures = [] });

    /// <summary>Signs what others may have signed before.</summary>
    /// <exception cref="KeyUnavailableException">A security module that holds it does not answer.</exception>
    public DsseEnvelope Sign(DsseEnvelope envelope)
    {
        // One ECDsa object is not made for several threads at once.
        lock (_key) return envelope.SignedBy(_key);
    }

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}
