using System.Buffers;
using System.Security.Cryptography;
using Fleet.Contracts;
using Fleet.Platform;

namespace Fleet.Server.Artifacts;

/// <summary>What became of an upload.</summary>
internal enum ArtifactOutcome
{
    /// <summary>It is stored now.</summary>
    Stored,
    /// <summary>It was stored before; nothing was read.</summary>
    AlreadyThere,
    /// <summary>Its bytes have another digest than was said; nothing is kept.</summary>
    DigestMismatch,
    /// <summary>It is larger than allowed; nothing is kept.</summary>
    TooLarge,
}

/// <summary>
/// Files by digest: <c>artifacts/{sha256}</c>. A file under its digest is whole and on disk, because it gets that name only after
/// it was hashed and flushed; what a killed server leaves behind is in <c>artifacts/staging</c> and swept at the next start.
/// </summary>
internal sealed class ArtifactStore
{
    private const int BufferBytes = 128 * 1024;
    private readonly string _folder;
    private readonly string _staging;
    private readonly long _maximumBytes;

    /// <param name="folder">Where the files are.</param>
    /// <param name="maximumBytes">Most bytes of one artifact.</param>
    public ArtifactStore(string folder, long maximumBytes = Limits.ArtifactBytes)
    {
        (_folder, _staging, _maximumBytes) = (folder, Path.Combine(folder, "staging"), maximumBytes);
        Directory.CreateDirectory(_staging);
        foreach (var left in Directory.EnumerateFiles(_staging)) File.Delete(left);
    }

    /// <summary>True when <paramref name="text"/> is 64 lower-case hexadecimal digits, and so cannot be a path.</summary>
    public static bool IsDigest(string? text) => text is { Length: 64 } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Length of the stored artifact in bytes, or null when it is not there.</summary>
    public long? LengthOf(string sha256) => new FileInfo(PathOf(sha256)) is { Exists: true } file ? file.Length : null;

    /// <summary>Where an artifact is, or will be.</summary>
    /// <exception cref="ArgumentException"><paramref name="sha256"/> is not a digest.</exception>
    public string PathOf(string sha256) => IsDigest(sha256)
        ? Path.Combine(_folder, sha256)
        : throw new ArgumentException($"'{sha256}' is not a SHA-256 digest: one has 64 lower-case hexadecimal digits.", nameof(sha256));

    /// <summary>
    /// Stores what <paramref name="content"/> holds if its digest is <paramref name="sha256"/>: hashed as it arrives, kept only if
    /// right.
    /// </summary>
    public async Task<ArtifactOutcome> StoreAsync(string sha256, Stream content, CancellationToken cancellationToken)
    {
        var target = PathOf(sha256);
        if (File.Exists(target)) return ArtifactOutcome.AlreadyThere;
        // A name of its own for each upload: two workers may send the same artifact at once.
        var staged = Path.Combine(_staging, $"{sha256}.{Guid.NewGuid():N}");
        try
        {
            var (digest, complete) = await StageAsync(staged, content, cancellationToken);
            if (!complete) return ArtifactOutcome.TooLarge;
            if (digest != sha256) return ArtifactOutcome.DigestMismatch;
            DurableFile.MoveIntoPlace(staged, target);
            return ArtifactOutcome.Stored;
        }
        finally
        {
            File.Delete(staged);
        }
    }

    /// <summary>Stores bytes the server made itself and returns their digest.</summary>
    public async Task<string> StoreAsync(byte[] content, CancellationToken cancellationToken)
    {
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
        await StoreAsync(sha256, new MemoryStream(content), cancellationToken);
        return sha256;
    }

    private async Task<(string Digest, bool Complete)> StageAsync(string path, Stream content, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            await using var file = new FileStream(
                path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, useAsync: true);
            long length = 0;
            while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                if ((length += read) > _maximumBytes) return ("", false);
                hash.AppendData(buffer, 0, read);
                await file.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
            file.Flush(flushToDisk: true);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return (Convert.ToHexStringLower(hash.GetHashAndReset()), true);
    }
}
