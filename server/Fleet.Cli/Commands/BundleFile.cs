using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Contracts;
using Fleet.Contracts.Releases;

namespace Fleet.Cli.Commands;

/// <summary>A bundle on disk, judged without a server and without unpacking it.</summary>
internal static class BundleFile
{
    /// <summary>True when a file is a bundle rather than a signed release as JSON.</summary>
    public static async Task<bool> IsAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(path);
        var block = new byte[BundleFormat.BlockBytes];
        return await file.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, cancellationToken) == block.Length
            && block.AsSpan(257, 5).SequenceEqual("ustar"u8);
    }

    /// <summary>Makes sure that every file of it is signed, whole and there.</summary>
    /// <returns>The signed release, which is still to be judged.</returns>
    public static async Task<byte[]> VerifyAsync(string path, IReadOnlyList<ReleaseKey> trusted, CancellationToken cancellationToken)
    {
        var digests = new Dictionary<string, string>();
        var kept = new Dictionary<string, byte[]>();
        try
        {
            await using var file = File.OpenRead(path);
            await BundleReader.ReadAsync(file, async (name, length, content) =>
            {
                if (name is BundleFormat.EnvelopeName or BundleFormat.SignatureName)
                {
                    await content.ReadExactlyAsync(kept[name] = new byte[length], cancellationToken);
                    if (name == BundleFormat.EnvelopeName) digests[name] = Convert.ToHexStringLower(SHA256.HashData(kept[name]));
                }
                else digests[name] = Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken));
            }, cancellationToken);
        }
        catch (FormatException e)
        {
            throw new FleetException($"{path} is not a bundle.", e.Message);
        }
        if (!kept.TryGetValue(BundleFormat.EnvelopeName, out var envelope)
            || !kept.TryGetValue(BundleFormat.SignatureName, out var signature))
            throw new FleetException($"{path} is not a bundle.", $"It lacks {BundleFormat.EnvelopeName} or {BundleFormat.SignatureName}.");
        if ((ModelSignature.ProblemOf(signature, trusted, digests) ?? ArtifactProblem(envelope, digests)) is { } problem)
            throw new FleetException($"{path} is not trusted.", problem);
        return envelope;
    }

    /// <summary>What the release names and the bundle lacks. The release is covered by the signature that was verified.</summary>
    private static string? ArtifactProblem(byte[] envelope, Dictionary<string, string> digests)
    {
        try
        {
            var signed = JsonSerializer.Deserialize(envelope, FleetJson.Default.DsseEnvelope)!;
            var manifest = JsonSerializer.Deserialize(signed.Payload, FleetJson.Default.ReleaseStatement)!.Predicate;
            return BundleFormat.NamesOf(manifest).FirstOrDefault(file => digests.GetValueOrDefault(file.Key) != file.Value.Sha256).Key
                is { } missing ? $"'{missing}' is not the artifact that the release names." : null;
        }
        catch (JsonException)
        {
            return null; // The verifier of releases says what is wrong with it, in order.
        }
    }
}
