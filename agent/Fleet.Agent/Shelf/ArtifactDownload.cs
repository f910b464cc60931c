using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Fleet.Agent.Enrollment;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Shelf;

/// <summary>
/// Fetches artifacts by digest: resumes where the staging file ends, hashes the bytes as they arrive, stops at the signed size, and
/// moves onto the shelf only what has the signed digest.
/// </summary>
internal sealed partial class ArtifactDownload(
    ArtifactShelf shelf,
    CarriedArtifacts carried,
    DeviceCredentials credentials,
    ShelfOptions options,
    Random random,
    TimeProvider time,
    ILogger<ArtifactDownload> logger)
{
    private const int BufferBytes = 64 * 1024;

    /// <summary>One place for each digest: two models that name the same artifact do not write the same file.</summary>
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _places = new(StringComparer.Ordinal);

    /// <summary>Brings <paramref name="artifact"/> onto the shelf, unless it is there already.</summary>
    /// <param name="artifact">What to fetch.</param>
    /// <param name="received">Called with the bytes of the artifact on disk, as they grow.</param>
    /// <param name="cancellationToken">Stops the download; what has arrived stays for the next attempt.</param>
    /// <exception cref="ArtifactException">It could not be fetched, or is not what was signed.</exception>
    public async Task FetchAsync(ArtifactReference artifact, Action<long> received, CancellationToken cancellationToken)
    {
        var place = _places.GetOrAdd(artifact.Sha256, _ => new SemaphoreSlim(1, 1));
        await place.WaitAsync(cancellationToken);
        try
        {
            if (!shelf.Has(artifact) && !await carried.BringAsync(artifact, cancellationToken))
                await FetchMissingAsync(artifact, received, cancellationToken);
        }
        finally
        {
            place.Release();
        }
    }

    private async Task FetchMissingAsync(ArtifactReference artifact, Action<long> received, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var tally = new DownloadTally();
        while (true)
        {
            var (attempted, before) = (time.GetTimestamp(), shelf.BytesOf(artifact));
            AttemptEnd end;
            string reason;
            try
            {
                // Anew each time: the certificate may have been renewed since, and the old one ends.
                using var http = credentials.OpenHttp();
                await AttemptAsync(http, artifact, received, cancellationToken);
                shelf.Accept(artifact);
                return;
            }
            catch (ResumedMismatchException e)
            {
                (end, reason) = (AttemptEnd.Mismatched, e.Message);
            }
            catch (IOException e) when (DiskSpace.IsFull(e))
            {
                // The space goes back at once: journals and the outbox need it more than a part of a model does.
                File.Delete(shelf.StagingPathOf(artifact));
                throw new ArtifactException(
                    DeploymentFailure.DiskFull,
                    $"The disk filled up while {artifact.Name} ({artifact.Bytes:N0} bytes) was fetched; what had arrived was removed.",
                    e);
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException)
            {
                // A connection that is given up may fail with any of these.
                cancellationToken.ThrowIfCancellationRequested();
                end = DownloadTally.EndOf(shelf.BytesOf(artifact) - before, time.GetElapsedTime(attempted), options);
                reason = e.InnerException?.Message ?? e.Message;
            }
            tally = tally.After(end);
            if (tally.GivesUp(artifact, time.GetElapsedTime(started), options) is { } problem)
            {
                var failure = end == AttemptEnd.Mismatched ? DeploymentFailure.DigestMismatch : DeploymentFailure.DownloadFailed;
                throw new ArtifactException(failure, $"{artifact.Name} {problem}. The last attempt ended because: {reason}");
            }
            var delay = Backoff.Next(random, tally.Failures, options.RetryDelay, options.MaximumRetryDelay);
            LogRetry(artifact.Name, shelf.BytesOf(artifact), artifact.Bytes, reason, delay);
            await Task.Delay(delay, time, cancellationToken);
        }
    }

    private async Task AttemptAsync(HttpClient http, ArtifactReference artifact, Action<long> received, CancellationToken cancellationToken)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var staging = new FileStream(
            shelf.StagingPathOf(artifact), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, useAsync: true);
        if (staging.Length > artifact.Bytes) staging.SetLength(0);
        var resumedAt = staging.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (await staging.ReadAsync(buffer, cancellationToken) is var read and > 0) digest.AppendData(buffer, 0, read);
            if (resumedAt < artifact.Bytes)
            {
                using var response = await RequestAsync(http, artifact, resumedAt, cancellationToken);
                if (resumedAt > 0 && response.StatusCode == HttpStatusCode.OK)
                {
                    // The server starts over from the first byte.
                    (resumedAt, staging.Position) = (0, 0);
                    staging.SetLength(0);
                    digest.GetHashAndReset();
                }
                await CopyAsync(response, artifact, staging, digest, buffer, received, cancellationToken);
            }
            if (staging.Length < artifact.Bytes)
                throw new IOException($"The connection ended after {staging.Length:N0} of {artifact.Bytes:N0} bytes.");
            staging.Flush(flushToDisk: true);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        var found = Convert.ToHexStringLower(digest.GetHashAndReset());
        if (found == artifact.Sha256) return;
        File.Delete(shelf.StagingPathOf(artifact));
        throw resumedAt > 0
            ? new ResumedMismatchException()
            : new ArtifactException(
                DeploymentFailure.DigestMismatch,
                $"The server's {artifact.Name} has digest {found}, but {artifact.Sha256} was signed; the file was removed.");
    }

    [LoggerMessage(LogLevel.Warning, "{Artifact} is at {Received:N0} of {Total:N0} bytes: {Reason} The download continues in {Delay}.")]
    private partial void LogRetry(string artifact, long received, long total, string reason, TimeSpan delay);

    /// <summary>
    /// A file assembled over several attempts has the wrong digest. A power cut may leave bytes that were never written, so this does
    /// not condemn the server's copy.
    /// </summary>
    private sealed class ResumedMismatchException() : Exception("The assembled file did not have the digest that was signed.");
}
