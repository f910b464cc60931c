using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>Writes releases as bundles, and takes them from bundles.</summary>
internal sealed partial class ReleaseBundles(
    IFleetStore store, ArtifactStore artifacts, KnownProfiles profiles, FleetKeys keys, TimeProvider time,
    ILogger<ReleaseBundles> logger)
{
    /// <summary>Artifacts of a release that this server does not have, without which there is no bundle.</summary>
    public IReadOnlyList<string> MissingOf(Release release)
        => [.. BundleFormat.NamesOf(release.ReadManifest()).Where(file => artifacts.LengthOf(file.Value.Sha256) != file.Value.Bytes)
            .Select(file => $"{file.Key} ({file.Value.Sha256})")];

    /// <summary>The signature of a release's files for the standard tool; null when the server holds no key that signs releases.</summary>
    /// <param name="release">The release.</param>
    /// <param name="order">The order that goes with it; null for none.</param>
    public byte[]? SignatureOf(Release release, byte[]? order = null)
    {
        var manifest = release.ReadManifest();
        var files = BundleFormat.NamesOf(manifest).ToDictionary(file => file.Key, file => file.Value.Sha256);
        files[BundleFormat.EnvelopeName] = Convert.ToHexStringLower(SHA256.HashData(EnvelopeOf(release)));
        if (order is not null) files[BundleFormat.OrderName] = Convert.ToHexStringLower(SHA256.HashData(order));
        if (keys.SignRelease(ModelSignature.StatementOf($"{manifest.Model}-{manifest.Version}", files)) is not { } signed) return null;
        return ModelSignature.BundleOf(signed, keys.Root.ReleaseKeys().First(key => key.Id == signed.Signatures[0].KeyId));
    }

    /// <summary>
    /// Writes a bundle: the signed release, its signature for the standard tool, an order where there is one, and every artifact.
    /// </summary>
    public async Task WriteAsync(Release release, byte[] signature, byte[]? order, Stream output, CancellationToken cancellationToken)
    {
        await WriteAsync(output, BundleFormat.EnvelopeName, new MemoryStream(EnvelopeOf(release)), cancellationToken);
        await WriteAsync(output, BundleFormat.SignatureName, new MemoryStream(signature), cancellationToken);
        if (order is not null) await WriteAsync(output, BundleFormat.OrderName, new MemoryStream(order), cancellationToken);
        foreach (var (name, artifact) in BundleFormat.NamesOf(release.ReadManifest()).OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            await using var file = File.OpenRead(artifacts.PathOf(artifact.Sha256));
            await WriteAsync(output, name, file, cancellationToken);
        }
        await output.WriteAsync(BundleFormat.End, cancellationToken);
    }

    /// <summary>
    /// Takes a release as it is, with its number and its signature: one that a key of this fleet signed, in a bundle in which every byte is
    /// accounted for. A release that is there already is left alone, and gets back the artifacts that were lost.
    /// </summary>
    public async Task<Answer<Release>> ReadAsync(Stream bundle, CancellationToken cancellationToken)
    {
        // A large bundle may take longer to arrive than what nobody names is kept.
        using var hold = artifacts.Hold("a release is being imported");
        var arrival = new BundleArrival(artifacts, keys.Root.ReleaseKeys(), time.GetUtcNow());
        try
        {
            await BundleReader.ReadAsync(
                bundle, (name, length, content) => arrival.TakeAsync(name, length, content, cancellationToken), cancellationToken);
            arrival.Complete();
        }
        catch (FormatException e)
        {
            return Refusal.Invalid($"This is not a bundle that can be taken: {e.Message}");
        }
        return await store.RetryAsync(_ => KeepAsync(arrival, cancellationToken), cancellationToken);
    }

    private static byte[] EnvelopeOf(Release release)
        => JsonSerializer.SerializeToUtf8Bytes(release.Envelope, FleetJson.Default.DsseEnvelope);

    private async Task<Answer<Release>> KeepAsync(BundleArrival arrival, CancellationToken cancellationToken)
    {
        var (manifest, envelope) = (arrival.Manifest, arrival.Envelope);
        var id = Release.IdOf(manifest.Model, manifest.Version);
        if (await store.FindAsync<Release>(id, cancellationToken) is { Document: var existing })
        {
            return existing.Envelope.Digest() == envelope.Digest()
                ? existing
                : Refusal.Conflict($"There is another release {manifest.Model} {manifest.Version} here already; a release never changes.");
        }
        var model = await store.FindAsync<Model>(manifest.Model, cancellationToken);
        var latest = new Model(Math.Max(model?.Document.LatestVersion ?? 0, manifest.Version));
        var release = Release.Of(manifest, envelope);
        await store.CommitAsync(
        [
            StoreChange.Create(id, release),
            model?.Change(latest) ?? StoreChange.Create(manifest.Model, latest),
            .. await profiles.ChangesForAsync(manifest.Profiles ?? [], cancellationToken),
            .. await store.NewArtifactsAsync(manifest, cancellationToken),
        ], cancellationToken);
        LogImported(manifest.Model, manifest.Version);
        if (manifest.Profiles is not null) await profiles.ReviewDevicesAsync(cancellationToken);
        return release;
    }

    private static async Task WriteAsync(Stream output, string name, Stream content, CancellationToken cancellationToken)
    {
        await output.WriteAsync(BundleFormat.HeaderOf(name, content.Length), cancellationToken);
        await content.CopyToAsync(output, cancellationToken);
        await output.WriteAsync(new byte[BundleFormat.PaddingOf(content.Length)], cancellationToken);
    }

    [LoggerMessage(LogLevel.Information, "Release {Model} {Version} came in a bundle")]
    private partial void LogImported(string model, int version);
}
