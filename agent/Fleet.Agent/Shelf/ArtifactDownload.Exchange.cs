using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;

namespace Fleet.Agent.Shelf;

/// <summary>The part that asks the server for bytes and takes them in.</summary>
internal sealed partial class ArtifactDownload
{
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
            case HttpStatusCode.PartialContent when (range?.Length ?? artifact.Bytes) == artifact.Bytes:
                // A cache on the way that mixes up ranges is worth another try; the server itself does not.
                return new HttpRequestException($"Bytes from {range?.From:N0} on were sent where those from {from:N0} on were asked for.");
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
}
