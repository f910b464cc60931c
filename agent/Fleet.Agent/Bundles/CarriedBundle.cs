using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Agent.Link;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;

namespace Fleet.Agent.Bundles;

/// <summary>A bundle in which every byte is accounted for, by keys that this device trusts.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="Manifest">The release.</param>
/// <param name="Release">The same as it was signed.</param>
/// <param name="Order">The desired state in it, which is still to be judged; null when it holds none.</param>
/// <param name="Offsets">Where each artifact begins, by digest.</param>
internal sealed record CarriedBundle(
    string Path, ReleaseManifest Manifest, DsseEnvelope Release, DesiredState? Order, IReadOnlyDictionary<string, long> Offsets)
{
    /// <summary>Which release it holds.</summary>
    public string Digest { get; } = Release.Digest();

    /// <summary>Reads a bundle to its end. Nothing of it is used before all of it was judged.</summary>
    /// <param name="path">The file.</param>
    /// <param name="trusted">Keys that may have signed the release.</param>
    /// <param name="now">The latest time that is known.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="FormatException">It is not to be trusted; the message says why.</exception>
    public static async Task<CarriedBundle> ReadAsync(
        string path, IReadOnlyList<ReleaseKey> trusted, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0, useAsync: true);
        var reading = new Reading(file, trusted, now);
        await BundleReader.ReadAsync(
            file, (name, length, content) => reading.TakeAsync(name, length, content, cancellationToken), cancellationToken);
        return reading.Complete(path);
    }

    /// <summary>What is known while the file is read.</summary>
    private sealed class Reading(FileStream file, IReadOnlyList<ReleaseKey> trusted, DateTimeOffset now)
    {
        private readonly Dictionary<string, string> _digests = new(StringComparer.Ordinal);
        private readonly Dictionary<string, long> _offsets = new(StringComparer.Ordinal);
        private readonly Dictionary<string, byte[]> _kept = new(StringComparer.Ordinal);
        private ReleaseManifest? _manifest;

        public async Task TakeAsync(string name, long length, Stream content, CancellationToken cancellationToken)
        {
            if (_manifest is null && name != BundleFormat.EnvelopeName)
                throw new FormatException($"Its first file is '{name}'; it must be {BundleFormat.EnvelopeName}.");
            if (name is BundleFormat.EnvelopeName or BundleFormat.SignatureName or BundleFormat.OrderName)
            {
                await content.ReadExactlyAsync(_kept[name] = new byte[length], cancellationToken);
                if (name != BundleFormat.SignatureName) _digests[name] = Convert.ToHexStringLower(SHA256.HashData(_kept[name]));
                if (name == BundleFormat.EnvelopeName) _manifest = Trusted(_kept[name]);
                return;
            }
            if (!BundleFormat.NamesOf(_manifest!).TryGetValue(name, out var artifact))
                throw new FormatException($"It holds '{name}', which the release does not name.");
            if (artifact.Bytes != length)
                throw new FormatException($"'{name}' has {length:#,0} bytes; the release says {artifact.Bytes:#,0}.");
            _offsets[artifact.Sha256] = file.Position;
            _digests[name] = Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken));
            if (_digests[name] != artifact.Sha256) throw new FormatException($"'{name}' was changed after it was signed.");
        }

        public CarriedBundle Complete(string path)
        {
            if (_manifest is null) throw new FormatException($"It holds no {BundleFormat.EnvelopeName}.");
            if (BundleFormat.NamesOf(_manifest).Keys.FirstOrDefault(name => !_digests.ContainsKey(name)) is { } missing)
                throw new FormatException($"'{missing}' is missing, which the release names.");
            if (!_kept.TryGetValue(BundleFormat.SignatureName, out var signature))
                throw new FormatException($"It holds no {BundleFormat.SignatureName}.");
            if (ModelSignature.ProblemOf(signature, trusted, _digests) is { } problem) throw new FormatException(problem);
            return new CarriedBundle(path, _manifest, Envelope(), Ordered(), _offsets);
        }

        private ReleaseManifest Trusted(byte[] envelope)
        {
            var verdict = ReleaseVerifier.Verify(envelope, trusted, now);
            return verdict.Manifest ?? throw new FormatException(verdict.Reason);
        }

        private DsseEnvelope Envelope()
            => JsonSerializer.Deserialize(_kept[BundleFormat.EnvelopeName], WireJson.Default.DsseEnvelope)!;

        private DesiredState? Ordered()
        {
            if (!_kept.TryGetValue(BundleFormat.OrderName, out var order)) return null;
            return DesiredInbox.Read(new ReadOnlySequence<byte>(order), out var problem)
                ?? throw new FormatException($"The order in it does not count: {problem}.");
        }
    }
}
