using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;

namespace Fleet.Server.Releases;

/// <summary>
/// A bundle as it arrives. The signed release comes first and is judged as a device would, before anything else is read; each further file
/// is one that it names, of the size and digest that it names.
/// </summary>
internal sealed class BundleArrival(ArtifactStore artifacts, IReadOnlyList<ReleaseKey> trusted, DateTimeOffset now)
{
    private readonly Dictionary<string, string> _files = [];
    private IReadOnlyDictionary<string, ArtifactReference> _expected = new Dictionary<string, ArtifactReference>();
    private ReleaseManifest? _manifest;
    private DsseEnvelope? _envelope;
    private byte[]? _signature;

    /// <summary>The manifest, once it was trusted.</summary>
    public ReleaseManifest Manifest => _manifest ?? throw new FormatException($"It holds no {BundleFormat.EnvelopeName}.");

    /// <summary>The signed release.</summary>
    public DsseEnvelope Envelope => _envelope ?? throw new FormatException($"It holds no {BundleFormat.EnvelopeName}.");

    /// <summary>Takes the next file.</summary>
    /// <exception cref="FormatException">It does not belong there; the message says why.</exception>
    public async Task TakeAsync(string name, long length, Stream content, CancellationToken cancellationToken)
    {
        if (_manifest is null && name != BundleFormat.EnvelopeName)
            throw new FormatException($"Its first file is '{name}'; it must be {BundleFormat.EnvelopeName}.");
        switch (name)
        {
            case BundleFormat.EnvelopeName:
                Trust(await BytesAsync(length, content, cancellationToken));
                break;
            case BundleFormat.SignatureName:
                _signature = await BytesAsync(length, content, cancellationToken);
                break;
            // What one device was to run is nothing that a server takes; it is signed with the rest.
            case BundleFormat.OrderName:
                _files[name] = Convert.ToHexStringLower(SHA256.HashData(await BytesAsync(length, content, cancellationToken)));
                break;
            default:
                await StoreAsync(name, length, content, cancellationToken);
                break;
        }
    }

    /// <summary>Makes sure that nothing is missing and that the signature of the standard tool holds as well.</summary>
    /// <exception cref="FormatException">Something is; the message says what.</exception>
    public void Complete()
    {
        _ = Manifest;
        if (_expected.Keys.FirstOrDefault(name => !_files.ContainsKey(name)) is { } missing)
            throw new FormatException($"'{missing}' is missing, which the release names.");
        if (_signature is null) throw new FormatException($"It holds no {BundleFormat.SignatureName}.");
        if (ModelSignature.ProblemOf(_signature, trusted, _files) is { } problem) throw new FormatException(problem);
    }

    private void Trust(byte[] envelope)
    {
        var verdict = ReleaseVerifier.Verify(envelope, trusted, now);
        _manifest = verdict.Manifest ?? throw new FormatException(verdict.Reason);
        _envelope = JsonSerializer.Deserialize(envelope, FleetJson.Default.DsseEnvelope);
        _expected = BundleFormat.NamesOf(_manifest);
        _files[BundleFormat.EnvelopeName] = Convert.ToHexStringLower(SHA256.HashData(envelope));
    }

    private async Task StoreAsync(string name, long length, Stream content, CancellationToken cancellationToken)
    {
        if (!_expected.TryGetValue(name, out var artifact))
            throw new FormatException($"It holds '{name}', which the release does not name.");
        if (artifact.Bytes != length) throw new FormatException($"'{name}' has {length:#,0} bytes; the release says {artifact.Bytes:#,0}.");
        if (await artifacts.StoreAsync(artifact.Sha256, content, length, cancellationToken) is ArtifactOutcome.DigestMismatch
            or ArtifactOutcome.TooLarge)
            throw new FormatException($"'{name}' was changed after it was signed.");
        _files[name] = artifact.Sha256;
    }

    private static async Task<byte[]> BytesAsync(long length, Stream content, CancellationToken cancellationToken)
    {
        var bytes = new byte[length];
        await content.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }
}
