using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Releases;
using Fleet.Platform;

namespace Fleet.Server.Releases;

/// <summary>
/// The key that signs releases: ECDSA P-256, made at the first start, kept in a file that only the server's user may read. Devices
/// trust its public half from their enrollment on, so losing this file means enrolling every device again: back it up.
/// </summary>
internal sealed class SigningKey : IDisposable
{
    private readonly ECDsa _key;

    private SigningKey(ECDsa key)
    {
        _key = key;
        Public = ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>What devices trust.</summary>
    public ReleaseKey Public { get; }

    /// <summary>Reads the key of that file, or makes one there.</summary>
    /// <exception cref="InvalidDataException">The file holds no P-256 key. It is not replaced: the devices trust the one that was
    /// there.</exception>
    public static SigningKey OpenOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var created = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            DurableFile.Write(path, Encoding.UTF8.GetBytes(created.ExportPkcs8PrivateKeyPem() + "\n"));
        }
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

    /// <summary>Signs a payload.</summary>
    public DsseEnvelope Sign(string payloadType, byte[] payload)
    {
        // One ECDsa object is not made for several threads at once.
        lock (_key) return DsseEnvelope.Sign(payloadType, payload, _key);
    }

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}
