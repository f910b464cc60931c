using Microsoft.Net.Http.Headers;

namespace Fleet.Server.Artifacts;

/// <summary>Sends a file and charges each part when it has gone to the connection: what breaks off was sent as far as it got.</summary>
internal sealed class MeteredFile(IResult file, ArtifactGrant grant) : IResult
{
    /// <summary>Most bytes that the answer to a request of an artifact has: all of it, or one range of it.</summary>
    public static long MostBytesOf(HttpRequest request, string sha256, long length)
    {
        var headers = request.GetTypedHeaders();
        // With several ranges, in one header or more, or where the range is of another file, everything is sent.
        if (request.Headers.Range is not [{ } sent] || sent.Contains(',', StringComparison.Ordinal)
            || headers.Range is not { Ranges.Count: 1 } range || headers.IfRange is { } condition && !IsOf(condition, sha256))
            return length;
        return range.Ranges.Single() switch
        {
            { From: null, To: { } last } => Math.Min(last, length),
            { From: { } from, To: { } to } => Math.Max(0, Math.Min(to, length - 1) - from + 1),
            { From: { } from } => Math.Max(0, length - from),
            _ => length,
        };
    }

    /// <inheritdoc/>
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using var counted = grant;
        grant.EndsBy(httpContext.Abort);
        var body = httpContext.Response.Body;
        await using var metered = new MeteredStream(body, grant);
        httpContext.Response.Body = metered;
        try
        {
            await file.ExecuteAsync(httpContext);
        }
        finally
        {
            httpContext.Response.Body = body;
        }
    }

    private static bool IsOf(RangeConditionHeaderValue condition, string sha256)
        => condition.EntityTag is { IsWeak: false } tag && tag.Tag == $"\"{sha256}\"";

    /// <summary>Passes on what is written and charges it.</summary>
    private sealed class MeteredStream(Stream to, ArtifactGrant grant) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await to.WriteAsync(buffer, cancellationToken);
            grant.Send(buffer.Length);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
            => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override Task FlushAsync(CancellationToken cancellationToken) => to.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
