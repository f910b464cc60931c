using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts;
using Fleet.Server.Storage;
using Microsoft.AspNetCore.Http.Metadata;

namespace Fleet.Server.Http;

/// <summary>
/// Makes a POST safe to send again: with an <c>Idempotency-Key</c>, what was answered once is answered again for a day, and done once.
/// </summary>
internal sealed class IdempotentCalls(IFleetStore store, TimeProvider time)
{
    /// <summary>The header.</summary>
    public const string Header = "Idempotency-Key";

    /// <summary>On an answer that was given before.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(24);

    private const int LongestKey = 128;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, bool> _running = new();
    private long _sweptTicks;

    /// <summary>Answers from what is kept, or runs what follows and keeps its answer.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (!HttpMethods.IsPost(request.Method) || request.Headers[Header].Count == 0 || !IsForPeople(context))
        {
            await next(context);
            return;
        }
        var key = request.Headers[Header].ToString();
        if (key.Length is 0 or > LongestKey || key.Any(letter => letter is < '!' or > '~'))
        {
            await RefuseAsync(context, Refusal.Invalid($"{Header} must be 1 to {LongestKey} printable characters without spaces."));
            return;
        }
        if (await BufferAsync(request, LimitOf(context), context.RequestAborted) is not { } body)
        {
            await RefuseAsync(context, Refusal.TooLarge(
                $"A request with an {Header} may have at most {LimitOf(context):#,0} bytes here.", RemedyOf(context)));
            return;
        }
        await SweepAsync(context.RequestAborted);
        // Two keys of one name may see different devices: neither is given what the other was answered.
        var caller = Caller.Of(context.User);
        var id = HashOf($"{caller.Name}\n{string.Join(' ', caller.Roles.Order())}\n{caller.Devices}\n{key}");
        var fingerprint = FingerprintOf(request, body);
        if (!_running.TryAdd(id, true))
        {
            await RefuseAsync(context, Refusal.Conflict($"The call with this {Header} still runs."));
            return;
        }
        try
        {
            await AnswerAsync(context, next, new Call(id, key, fingerprint));
        }
        finally
        {
            _running.TryRemove(id, out _);
        }
    }

    private static Task RefuseAsync(HttpContext context, Contracts.Http.ApiProblem problem) => problem.ToResult().ExecuteAsync(context);

    private sealed record Call(string Id, string Key, string Fingerprint);

    private async Task AnswerAsync(HttpContext context, RequestDelegate next, Call call)
    {
        var stored = await store.FindAsync<IdempotentCall>(call.Id, context.RequestAborted);
        if (stored is { Document: { } before } && before.ExpiresAt > time.GetUtcNow())
        {
            await (WhyNot(before, call) is { } problem
                ? RefuseAsync(context, problem)
                : ReplayAsync(context, before, call));
            return;
        }
        var begun = new IdempotentCall(call.Fingerprint, time.GetUtcNow() + Kept);
        await store.CommitAsync([stored?.Change(begun) ?? StoreChange.Create(call.Id, begun)], context.RequestAborted);
        var answer = await RunAsync(context, next, call);
        // What failed on this side may be tried again; everything else is the answer.
        var isKept = context.Response.StatusCode < StatusCodes.Status500InternalServerError;
        if (isKept)
        {
            await store.UpdateAsync<IdempotentCall>(call.Id, kept => kept with
            {
                Status = context.Response.StatusCode,
                ContentType = context.Response.ContentType,
                Answer = Seal(answer, call),
            }, CancellationToken.None);
        }
        else
        {
            await ForgetAsync(call.Id);
        }
        if (answer.Length > 0) await context.Response.Body.WriteAsync(answer, context.RequestAborted);
    }

    private async Task<byte[]> RunAsync(HttpContext context, RequestDelegate next, Call call)
    {
        var body = context.Response.Body;
        using var answer = new MemoryStream();
        context.Response.Body = answer;
        // Whoever hangs up will ask again, for the whole answer of a call that was done to its end.
        var aborted = context.RequestAborted;
        context.RequestAborted = CancellationToken.None;
        try
        {
            await next(context);
            return answer.ToArray();
        }
        catch
        {
            await ForgetAsync(call.Id);
            throw;
        }
        finally
        {
            context.Response.Body = body;
            context.RequestAborted = aborted;
        }
    }

    private static Contracts.Http.ApiProblem? WhyNot(IdempotentCall before, Call call)
        => before.Fingerprint != call.Fingerprint
            ? new($"This {Header} belongs to another call: a new call needs a new one.", StatusCodes.Status422UnprocessableEntity, [])
            : before.Status == 0
                ? Refusal.Conflict($"The server stopped while the call with this {Header} ran: look whether it was done, then use a new "
                    + $"one.")
                : null;

    private static async Task ReplayAsync(HttpContext context, IdempotentCall before, Call call)
    {
        context.Response.StatusCode = before.Status;
        context.Response.ContentType = before.ContentType;
        context.Response.Headers[ReplayedHeader] = "true";
        await context.Response.Body.WriteAsync(Open(before.Answer ?? [], call), context.RequestAborted);
    }

    private async Task ForgetAsync(string id)
    {
        if (await store.FindAsync<IdempotentCall>(id, CancellationToken.None) is { } stored)
            await store.CommitAsync([stored.Removal()], CancellationToken.None);
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var swept = Interlocked.Read(ref _sweptTicks);
        if (now.UtcTicks - swept < SweepInterval.Ticks || Interlocked.CompareExchange(ref _sweptTicks, now.UtcTicks, swept) != swept)
            return;
        var expired = await store.AllAsync<IdempotentCall>("", cancellationToken).Where(call => call.Document.ExpiresAt <= now)
            .ToListAsync(cancellationToken);
        foreach (var call in expired.Where(call => !_running.ContainsKey(call.Id)))
            await store.CommitAsync([call.Removal()], cancellationToken);
    }

    private static bool IsForPeople(HttpContext context)
        => context.GetEndpoint()?.Metadata.GetMetadata<RoleStatement>()?.Role is Roles.Viewer or Roles.Operator or Roles.Approver
            or Roles.Admin;

    /// <summary>Most bytes of a request that may be sent again: those of its route, as far as they fit into memory.</summary>
    private static long LimitOf(HttpContext context)
        => Math.Min(
            context.GetEndpoint()?.Metadata.GetMetadata<IRequestSizeLimitMetadata>()?.MaxRequestBodySize ?? Limits.ApiRequestBytes,
            Limits.ReportFileBytes);

    /// <summary>A file that was taken once changes nothing when it comes again, and needs no key.</summary>
    private static string[] RemedyOf(HttpContext context)
        => context.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType == typeof(Stream)
            ? [$"Send this file without {Header}: a file that was taken once changes nothing when it comes again."]
            : [];

    private static async Task<byte[]?> BufferAsync(HttpRequest request, long limit, CancellationToken cancellationToken)
    {
        if (request.ContentLength > limit) return null;
        using var bytes = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await request.Body.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (bytes.Length + read > limit) return null;
            bytes.Write(buffer, 0, read);
        }
        var body = bytes.ToArray();
        request.Body = new MemoryStream(body);
        return body;
    }

    /// <summary>Hash of address and body.</summary>
    private static string FingerprintOf(HttpRequest request, byte[] body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Path}{request.QueryString}\n"));
        hash.AppendData(body);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static byte[] Seal(byte[] answer, Call call)
    {
        var nonce = RandomNumberGenerator.GetBytes(AesGcm.NonceByteSizes.MaxSize);
        var (sealedAnswer, tag) = (new byte[answer.Length], new byte[AesGcm.TagByteSizes.MaxSize]);
        using var cipher = CipherOf(call);
        cipher.Encrypt(nonce, answer, sealedAnswer, tag);
        return [.. nonce, .. tag, .. sealedAnswer];
    }

    private static byte[] Open(byte[] kept, Call call)
    {
        var (nonce, tag) = (AesGcm.NonceByteSizes.MaxSize, AesGcm.TagByteSizes.MaxSize);
        var answer = new byte[kept.Length - nonce - tag];
        using var cipher = CipherOf(call);
        cipher.Decrypt(kept.AsSpan(0, nonce), kept.AsSpan(nonce + tag), kept.AsSpan(nonce, tag), answer);
        return answer;
    }

    private static AesGcm CipherOf(Call call) => new(
        HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.ASCII.GetBytes(call.Key), 32, Encoding.ASCII.GetBytes(call.Id)),
        AesGcm.TagByteSizes.MaxSize);
}
