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
internal sealed partial class IdempotentCalls(IFleetStore store, TimeProvider time, ILogger<IdempotentCalls> logger)
{
    /// <summary>The header.</summary>
    public const string Header = "Idempotency-Key";

    /// <summary>On an answer that was given before.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    /// <summary>How long an answer is kept.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromHours(24);

    /// <summary>Most bytes of one answer that are kept, packed: a rollout that names fifty thousand devices is within them.</summary>
    public const int MostOfAnAnswer = 2 * 1024 * 1024;

    private const int LongestKey = 128;
    private const int PerCommit = 250;
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, bool> _running = new();
    private readonly KeptCalls _kept = new();
    private readonly long _begin = time.GetTimestamp();
    private long _nextSweep;

    /// <summary>Answers from what is kept, or runs what follows and keeps its answer.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (!HttpMethods.IsPost(request.Method) || request.Headers[Header].Count == 0 || !IsForPeople(context)
            || context.GetEndpoint()?.Metadata.GetMetadata<ChangesNothing>() is not null)
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
            await AnswerAsync(context, next, new Call(id, caller.Name, key, fingerprint));
        }
        finally
        {
            _running.TryRemove(id, out _);
        }
    }

    private static Task RefuseAsync(HttpContext context, Contracts.Http.ApiProblem problem) => problem.ToResult().ExecuteAsync(context);

    private sealed record Call(string Id, string Caller, string Key, string Fingerprint);

    private async Task AnswerAsync(HttpContext context, RequestDelegate next, Call call)
    {
        var (stored, now) = (await store.FindAsync<IdempotentCall>(call.Id, context.RequestAborted), time.GetUtcNow());
        if (stored is { Document: { } before } && !IsOver(before, now))
        {
            await (WhyNot(before, call) is { } problem
                ? RefuseAsync(context, problem)
                : ReplayAsync(context, before, call));
            return;
        }
        if (stored is null && !_kept.HasRoomFor(call.Caller))
        {
            await RefuseAsync(context, new(
                $"'{call.Caller}' has made {KeptCalls.MostCalls:#,0} calls with an {Header} within a day: no more are kept.",
                StatusCodes.Status429TooManyRequests, [$"Send the call without {Header}, or wait."]));
            return;
        }
        var begun = new IdempotentCall(call.Fingerprint, now + Kept) { Caller = call.Caller };
        await store.CommitAsync([stored?.Change(begun) ?? StoreChange.Create(call.Id, begun)], context.RequestAborted);
        if (stored is null) _kept.Begins(call.Caller);
        var answer = await RunAsync(context, next, call);
        // What failed on this side may be tried again; everything else is the answer.
        if (context.Response.StatusCode < StatusCodes.Status500InternalServerError) await KeepAsync(context.Response, answer, call);
        else await ForgetAsync(call);
        if (answer.Length > 0) await context.Response.Body.WriteAsync(answer, context.RequestAborted);
    }

    /// <summary>Keeps an answer. The call was done: what keeps its answer from the store does not keep it from the caller.</summary>
    private async Task KeepAsync(HttpResponse response, byte[] answer, Call call)
    {
        var packed = Seal(Pack(answer), call);
        var isKept = packed.Length <= MostOfAnAnswer && _kept.Keeps(call.Caller, packed.Length);
        try
        {
            await store.UpdateAsync<IdempotentCall>(call.Id, begun => begun with
            {
                Status = response.StatusCode,
                ContentType = response.ContentType,
                Answer = isKept ? packed : null,
            }, CancellationToken.None);
        }
        catch (StoreException e)
        {
            LogNotKept(call.Caller, e.Message);
        }
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
            await ForgetAsync(call);
            throw;
        }
        finally
        {
            context.Response.Body = body;
            context.RequestAborted = aborted;
        }
    }

    private static Contracts.Http.ApiProblem? WhyNot(IdempotentCall before, Call call) => before switch
    {
        _ when before.Fingerprint != call.Fingerprint
            => new($"This {Header} belongs to another call: a new call needs a new one.", StatusCodes.Status422UnprocessableEntity, []),
        { Status: 0 } => Refusal.Conflict(
            $"How the call with this {Header} ended is not known (the server stopped, or its disk was full): look "
                + "whether it was done, then use a new one."),
        { Answer: null } => Refusal.Conflict(
            $"The call with this {Header} was done and answered with {before.Status}; the answer was too large to be kept.",
            "Read what it made or changed."),
        _ => null,
    };

    private static async Task ReplayAsync(HttpContext context, IdempotentCall before, Call call)
    {
        context.Response.StatusCode = before.Status;
        context.Response.ContentType = before.ContentType;
        context.Response.Headers[ReplayedHeader] = "true";
        await UnpackAsync(Open(before.Answer!, call), context.Response.Body, context.RequestAborted);
    }

    private async Task ForgetAsync(Call call)
    {
        _kept.Forgets(call.Caller);
        try
        {
            if (await store.FindAsync<IdempotentCall>(call.Id, CancellationToken.None) is { } stored)
                await store.CommitAsync([stored.Removal()], CancellationToken.None);
        }
        catch (StoreException e)
        {
            LogNotKept(call.Caller, e.Message);
        }
    }

    /// <summary>True when it counts no more. One that would be kept for longer was made while the clock was ahead.</summary>
    private static bool IsOver(IdempotentCall call, DateTimeOffset now) => call.ExpiresAt <= now || call.ExpiresAt - now > 2 * Kept;

    /// <summary>Forgets what is over and counts what is left, once an hour by time that passes.</summary>
    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        var (passed, next) = (time.GetElapsedTime(_begin).Ticks, Interlocked.Read(ref _nextSweep));
        if (passed < next || Interlocked.CompareExchange(ref _nextSweep, passed + SweepInterval.Ticks, next) != next) return;
        var now = time.GetUtcNow();
        var all = await store.AllAsync<IdempotentCall>("", cancellationToken).ToListAsync(cancellationToken);
        foreach (var over in all.Where(call => IsOver(call.Document, now) && !_running.ContainsKey(call.Id)).Chunk(PerCommit))
        {
            try
            {
                await store.CommitAsync([.. over.Select(call => call.Removal())], cancellationToken);
            }
            catch (VersionConflictException)
            {
                // One of them has begun anew: the next hour's turn takes the others.
            }
        }
        _kept.Recount(all.Select(call => call.Document).Where(call => !IsOver(call, now)));
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

    [LoggerMessage(LogLevel.Warning, "How a call of '{Caller}' with an idempotency key ended could not be kept: {Reason}")]
    private partial void LogNotKept(string caller, string reason);
}
