using System.Security.Cryptography;
using Fleet.Agent.Disk;
using Fleet.Contracts.Releases;
using Fleet.Platform;

namespace Fleet.Agent.Shelf;

/// <summary>Verified artifacts by digest, and the staging files of those being fetched.</summary>
internal sealed class ArtifactShelf(DataFolder folder)
{
    private volatile HashSet<string> _lent = [];

    /// <summary>Path of a verified artifact.</summary>
    public string PathOf(ArtifactReference artifact) => Path.Combine(folder.Shelf, artifact.Sha256);

    /// <summary>Path of an artifact until it is complete.</summary>
    public string StagingPathOf(ArtifactReference artifact) => Path.Combine(folder.Staging, artifact.Sha256);

    /// <summary>True when the artifact is here. Its bytes are judged by <see cref="HoldsAsync"/>.</summary>
    public bool Has(ArtifactReference artifact) => new FileInfo(PathOf(artifact)) is { Exists: true } file && file.Length == artifact.Bytes;

    /// <summary>Bytes of an artifact that are on this device already.</summary>
    public long BytesOf(ArtifactReference artifact)
    {
        if (Has(artifact)) return artifact.Bytes;
        return new FileInfo(StagingPathOf(artifact)) is { Exists: true } staged ? Math.Min(staged.Length, artifact.Bytes) : 0;
    }

    /// <summary>Bytes free for further artifacts.</summary>
    public long FreeBytes() => DiskSpace.FreeBytes(folder.Shelf);

    /// <summary>True when the bytes on disk are the ones that were signed.</summary>
    public async Task<bool> MatchesAsync(ArtifactReference artifact, CancellationToken cancellationToken)
    {
        if (!Has(artifact)) return false;
        await using var file = new FileStream(
            PathOf(artifact), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, useAsync: true);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken)) == artifact.Sha256;
    }

    /// <summary>Like <see cref="MatchesAsync"/>, and removes a file whose bytes are not the signed ones.</summary>
    public async Task<bool> HoldsAsync(ArtifactReference artifact, CancellationToken cancellationToken)
    {
        if (await MatchesAsync(artifact, cancellationToken)) return true;
        File.Delete(PathOf(artifact));
        return false;
    }

    /// <summary>Moves a staging file onto the shelf, once it is flushed and has the right digest.</summary>
    public void Accept(ArtifactReference artifact) => DurableFile.MoveIntoPlace(StagingPathOf(artifact), PathOf(artifact));

    /// <summary>Digests that are kept though no journal names them, in place of those that were so far.</summary>
    public void Lend(params IEnumerable<string> digests) => _lent = digests.ToHashSet(StringComparer.Ordinal);

    /// <summary>Removes everything whose digest is neither among <paramref name="kept"/> nor lent, half-fetched files included.</summary>
    public void Collect(IReadOnlySet<string> kept)
    {
        foreach (var path in Directory.EnumerateFiles(folder.Shelf).Concat(Directory.EnumerateFiles(folder.Staging)))
        {
            if (Path.GetFileName(path) is var digest && !kept.Contains(digest) && !_lent.Contains(digest)) File.Delete(path);
        }
    }
}
