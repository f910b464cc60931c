using System.Collections.Concurrent;
using System.Security.Cryptography;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Platform;

namespace Fleet.Agent.Shelf;

/// <summary>
/// Artifacts that were carried to this device in files and need not be fetched. Whatever a file says it holds, only bytes of the signed
/// digest come onto the shelf.
/// </summary>
internal sealed class CarriedArtifacts(ArtifactShelf shelf)
{
    /// <summary>Several files may hold the same artifact: one that is removed takes it from no other.</summary>
    private readonly ConcurrentDictionary<Place, long> _offsets = new();

    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Names an artifact and where its bytes lie.</summary>
    public void Add(string sha256, string path, long offset) => _offsets[new Place(sha256, path)] = offset;

    /// <summary>What an earlier run left is known: who asks for an artifact need not wait any longer.</summary>
    public void Known() => _known.TrySetResult();

    /// <summary>Forgets the artifacts of a file, which is about to be removed.</summary>
    public void Forget(string path)
    {
        foreach (var place in _offsets.Keys.Where(place => place.Path == path).ToArray()) _offsets.TryRemove(place, out _);
    }

    /// <summary>Brings an artifact onto the shelf; false when it was not carried here, or is not what was signed.</summary>
    public async Task<bool> BringAsync(ArtifactReference artifact, CancellationToken cancellationToken)
    {
        await _known.Task.WaitAsync(cancellationToken);
        if (_offsets.FirstOrDefault(one => one.Key.Sha256 == artifact.Sha256 && File.Exists(one.Key.Path))
            is not { Key: { } place, Value: var offset }) return false;
        var staging = shelf.StagingPathOf(artifact);
        try
        {
            if (await CopyAsync(place.Path, offset, staging, artifact.Bytes, cancellationToken) == artifact.Sha256)
            {
                shelf.Accept(artifact);
                return true;
            }
            File.Delete(staging);
            return false;
        }
        catch (IOException e) when (DiskSpace.IsFull(e))
        {
            File.Delete(staging);
            throw new ArtifactException(
                DeploymentFailure.DiskFull, $"The disk filled up while {artifact.Name} ({artifact.Bytes:N0} bytes) was copied.", e);
        }
    }

    private static async Task<string> CopyAsync(string from, long offset, string to, long bytes, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0, true);
        await using var target = new FileStream(to, FileMode.Create, FileAccess.Write, FileShare.None, 0, true);
        source.Position = offset;
        var buffer = new byte[64 * 1024];
        while (bytes > 0)
        {
            var read = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes)), cancellationToken);
            if (read == 0) break;
            hash.AppendData(buffer, 0, read);
            await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            bytes -= read;
        }
        target.Flush(flushToDisk: true);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private sealed record Place(string Sha256, string Path);
}
