using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Platform;

namespace Fleet.Cli.Specs;

/// <summary>Keys and roots in files: what is kept, carried and signed away from the server.</summary>
internal static class KeyFiles
{
    /// <summary>Makes a key in a file for its owner alone; never replaces one.</summary>
    public static ReleaseKey Create(string file)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var stream = OwnerOnly.CreateFile(file);
        try
        {
            stream.Write(Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
            stream.Flush(flushToDisk: true);
        }
        catch
        {
            File.Delete(file); // Part of a key is not a key, and would stand in the way of the next.
            throw;
        }
        return ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>The public half of a key, private or public, in PEM.</summary>
    public static ReleaseKey ReadPublic(string file)
    {
        using var key = Read(file);
        return ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>The envelope with a signature of a key in a file.</summary>
    public static DsseEnvelope Sign(DsseEnvelope envelope, string file)
    {
        using var key = Read(file);
        try
        {
            return envelope.SignedBy(key);
        }
        catch (CryptographicException e)
        {
            throw new FleetException($"{file} does not hold a private key: {e.Message}", e);
        }
    }

    /// <summary>A root in a file.</summary>
    public static DsseEnvelope ReadRoot(string file)
    {
        try
        {
            if (new FileInfo(file) is { Exists: true, Length: > 2 * Limits.RootBytes }) throw new FleetException($"{file} is not a root.");
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), FleetJson.Default.DsseEnvelope)
                ?? throw new FleetException($"{file} is empty.");
        }
        catch (JsonException e)
        {
            throw new FleetException($"{file} is not a root: {e.Message}", e);
        }
    }

    /// <summary>Writes a root to a file.</summary>
    public static void WriteRoot(string file, DsseEnvelope root)
        => DurableFile.Write(file, JsonSerializer.SerializeToUtf8Bytes(root, FleetJson.Indented.DsseEnvelope));

    private static ECDsa Read(string file)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(file));
            return key;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new FleetException($"{file} does not hold a key in PEM: {e.Message}", e);
        }
    }
}
