using System.Buffers;
using System.Security.Cryptography;
using Fleet.Contracts;
using Fleet.Platform;
using Fleet.Server.Storage;

namespace Fleet.Server.Artifacts;

/// <summary>What became of an upload.</summary>
internal enum ArtifactOutcome
{
    /// <summary>It is stored now.</summary>
    Stored,
    /// <summary>It was stored before, whole; nothing was read.</summary>
    AlreadyThere,
    /// <summary>Its bytes have another digest than was said; nothing is kept.</summary>
    DigestMismatch,
    /// <summary>It is larger than allowed; nothing is kept.</summary>
    TooLarge,
}

/// <summary>
/// Files by digest: <c>artifacts/{sha256}</c>. A file under its digest is whole and on disk, because it gets that name only after
/// it was hashed and flushed; what a killed server leaves behind is in <c>artifacts/staging</c> and swept at the next start. The time
/// of a file says when it was written, or taken as being there already, and so how long nobody has asked for it to be kept.
/// </summary>
internal sealed class ArtifactStore
{
    private const int BufferBytes = 128 * 1024;

    /// <summary>How much may arrive before the space on the disk is looked at again: others upload as well.</summary>
    private const int SpaceInterval = 16 << 20;

    private readonly string _folder;
    private readonly string _staging;
    private readonly long _maximumBytes;
    private readonly FreeSpace? _space;
    private readonly TimeProvider _time;

    // Held while a file gets its name, is taken as being there, or is removed: of two who meet at one file, either finds it whole or gone.
    private readonly Lock _names = new();
    private readonly HashSet<ArtifactHold> _holds = [];

    /// <param name="folder">Where the files are.</param>
    /// <param name="maximumBytes">Most bytes of one artifact.</param>
    /// <param name="space">What must stay free on the disk; null for nothing.</param>
    /// <param name="time">What files are dated by; the machine's clock when null.</param>
    public ArtifactStore(
        string folder, long maximumBytes = Limits.ArtifactBytes, FreeSpace? space = null, TimeProvider? time = null)
    {
        (_folder, _staging, _maximumBytes, _space) = (folder, Path.Combine(folder, "staging"), maximumBytes, space);
        _time = time ?? TimeProvider.System;
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

    /// <summary>The folder the files are in.</summary>
    public string Folder => _folder;

    /// <summary>Every artifact.</summary>
    public IReadOnlyList<ArtifactFile> Files()
        => [.. new DirectoryInfo(_folder).EnumerateFiles().Where(file => IsDigest(file.Name) && file.Exists)
            .Select(file => new ArtifactFile(file.Name, file.Length, WrittenAt(file)))];

    /// <summary>
    /// From now until the hold ends nothing that is stored, or taken as being there, counts as unused: for whoever will name it at the
    /// end.
    /// </summary>
    /// <param name="why">Who holds it, for people.</param>
    public ArtifactHold Hold(string why)
    {
        var hold = new ArtifactHold(_time.GetUtcNow(), why, ended =>
        {
            lock (_names) _holds.Remove(ended);
        });
        lock (_names) _holds.Add(hold);
        return hold;
    }

    /// <summary>What is held now.</summary>
    public IReadOnlyList<ArtifactHold> Holds()
    {
        lock (_names) return [.. _holds];
    }

    /// <summary>
    /// The length of an artifact that is about to be named, null when it is not there. It counts as written now: no look from before
    /// takes it away.
    /// </summary>
    public long? Claim(string sha256)
    {
        var file = new FileInfo(PathOf(sha256));
        lock (_names)
        {
            if (!file.Exists) return null;
            file.LastWriteTimeUtc = _time.GetUtcNow().UtcDateTime;
            return file.Length;
        }
    }

    /// <summary>Removes an artifact, unless it was written, claimed or taken again since it was looked at.</summary>
    /// <returns>True when it is gone by this.</returns>
    public bool Remove(ArtifactFile seen)
    {
        var file = new FileInfo(PathOf(seen.Sha256));
        lock (_names)
        {
            if (!file.Exists || WrittenAt(file) != seen.WrittenAt) return false;
            file.Delete();
            return true;
        }
    }

    /// <summary>
    /// Stores what <paramref name="content"/> holds if its digest is <paramref name="sha256"/>: hashed as it arrives, kept only if
    /// right. What is there already and damaged is replaced.
    /// </summary>
    /// <param name="sha256">Its digest.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="length">How many they are; null when that is not known.</param>
    /// <param name="cancellationToken">Ends it, and keeps nothing.</param>
    /// <exception cref="StoreException">It would leave too little space on the disk.</exception>
    public async Task<ArtifactOutcome> StoreAsync(string sha256, Stream content, long? length, CancellationToken cancellationToken)
    {
        var target = PathOf(sha256);
        // A sweep may have been faster than the claim: then it is stored again.
        if (await IsWholeAsync(target, sha256, length, cancellationToken) && Claim(sha256) is not null) return ArtifactOutcome.AlreadyThere;
        _space?.ThrowIfShort(Writes.Masses, length ?? 0);
        // A name of its own for each upload: two workers may send the same artifact at once.
        var staged = Path.Combine(_staging, $"{sha256}.{Guid.NewGuid():N}");
        try
        {
            var (digest, complete) = await StageAsync(staged, content, cancellationToken);
            if (!complete) return ArtifactOutcome.TooLarge;
            if (digest != sha256) return ArtifactOutcome.DigestMismatch;
            File.SetLastWriteTimeUtc(staged, _time.GetUtcNow().UtcDateTime);
            lock (_names) DurableFile.MoveIntoPlace(staged, target);
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
        await StoreAsync(sha256, new MemoryStream(content), content.Length, cancellationToken);
        return sha256;
    }

    private static DateTimeOffset WrittenAt(FileInfo file) => new(file.LastWriteTimeUtc, TimeSpan.Zero);

    /// <summary>True when the file is there and not cut short: by its length where that is known, else by its bytes.</summary>
    private static async Task<bool> IsWholeAsync(string path, string sha256, long? length, CancellationToken cancellationToken)
    {
        if (new FileInfo(path) is not { Exists: true } file) return false;
        if (length is not null) return file.Length == length;
        try
        {
            await using var content = File.OpenRead(path);
            return Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken)) == sha256;
        }
        catch (FileNotFoundException)
        {
            // Swept since the line above.
            return false;
        }
    }

    private async Task<(string Digest, bool Complete)> StageAsync(string path, Stream content, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            await using var file = new FileStream(
                path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, useAsync: true);
            var (length, looked) = (0L, 0L);
            while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                if ((length += read) > _maximumBytes) return ("", false);
                if (length - looked >= SpaceInterval)
                {
                    _space?.ThrowIfShort(Writes.Masses);
                    looked = length;
                }
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
