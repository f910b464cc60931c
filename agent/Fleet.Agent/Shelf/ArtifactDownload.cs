using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
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
            if (!shelf.Has(artifact)) await FetchMissingAsync(artifact, received, cancellationToken);
        }
        finally
        {
            place.Release();
        }
    }

    private async Task FetchMissingAsync(ArtifactReference artifact, Action<long> received, CancellationToken cancellationToken)
    {
        using var http = credentials.OpenHttp();
        var started = time.GetTimestamp();
        var tally = new DownloadTally();
        while (true)
        {
            var (attempted, before) = (time.GetTimestamp(), shelf.BytesOf(artifact));
            AttemptEnd end;
            string reason;
            try
            {
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

    private async Task<HttpResponseMessage> RequestAsync(
        HttpClient http, ArtifactReference artifact, long from, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/artifacts/{artifact.Sha256}");
        if (from > 0)
        {
            request.Headers.Range = new RangeHeaderValue(from, null);
            request.Headers.IfRange = new RangeConditionHeaderValue(new EntityTagHeaderValue($"\"{artifact.Sha256}\""));
        }
        var response = await WithinStallAsync(
            token => http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token), cancellationToken);
        try
        {
            return Judge(response, artifact, from) is { } refusal ? throw refusal : response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Why the body of an answer must not be read; null when it may be.</summary>
    private static Exception? Judge(HttpResponseMessage response, ArtifactReference artifact, long from)
    {
        var (range, length) = (response.Content.Headers.ContentRange, response.Content.Headers.ContentLength);
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent when range?.From == from && (range.Length ?? artifact.Bytes) == artifact.Bytes:
                return null;
            case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable:
                return WrongSize(artifact, range?.Length);
            case HttpStatusCode.OK:
                return (length ?? artifact.Bytes) == artifact.Bytes ? null : WrongSize(artifact, length);
            case >= HttpStatusCode.InternalServerError or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests:
                return new HttpRequestException($"The server answered with HTTP status {(int)response.StatusCode}.");
            default:
                return new ArtifactException(
                    DeploymentFailure.DownloadFailed,
                    $"The server refused {artifact.Name} ({artifact.Sha256}) with HTTP status {(int)response.StatusCode}.");
        }
    }

    private static ArtifactException WrongSize(ArtifactReference artifact, long? offered) => new(
        DeploymentFailure.DigestMismatch,
        offered is null
            ? $"The server sends more than the {artifact.Bytes:N0} bytes of {artifact.Name} that were signed."
            : $"The server's {artifact.Name} has {offered:N0} bytes, but {artifact.Bytes:N0} were signed.");

    private async Task CopyAsync(
        HttpResponseMessage response,
        ArtifactReference artifact,
        FileStream staging,
        IncrementalHash digest,
        byte[] buffer,
        Action<long> received,
        CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var (since, arrived) = (time.GetTimestamp(), 0L);
        while (await WithinStallAsync(async token => await body.ReadAsync(buffer, token), cancellationToken) is var read and > 0)
        {
            if (staging.Position + read > artifact.Bytes)
            {
                staging.SetLength(0);
                throw WrongSize(artifact, null);
            }
            digest.AppendData(buffer, 0, read);
            await staging.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            received(staging.Position);
            arrived += read;
            if (time.GetElapsedTime(since) is var elapsed && elapsed < options.StallTimeout) continue;
            if (arrived < options.MinimumBytesPerSecond * elapsed.TotalSeconds)
                throw new TimeoutException($"Only {arrived:N0} bytes arrived in {elapsed.TotalSeconds:0} s.");
            (since, arrived) = (time.GetTimestamp(), 0);
        }
    }

    /// <summary>Every wait for the network ends: a silent server must not hold a deployment.</summary>
    private async Task<T> WithinStallAsync<T>(Func<CancellationToken, Task<T>> wait, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.StallTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            return await wait(either.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"Nothing arrived for {options.StallTimeout.TotalSeconds:0} s.", e);
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Artifact} is at {Received:N0} of {Total:N0} bytes: {Reason} The download continues in {Delay}.")]
    private partial void LogRetry(string artifact, long received, long total, string reason, TimeSpan delay);

    /// <summary>
    /// A file assembled over several attempts has the wrong digest. A power cut may leave bytes that were never written, so this does
    /// not condemn the server's copy.
    /// </summary>
    private sealed class ResumedMismatchException() : Exception("The assembled file did not have the digest that was signed.");
}
