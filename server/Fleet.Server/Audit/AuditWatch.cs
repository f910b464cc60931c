using System.Security.Claims;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Audit;

/// <summary>
/// Notes what requests change and what they try: before the answer is on its way, so that whatever was acknowledged is in the trail.
/// </summary>
internal sealed class AuditWatch(AuditTrail trail, AuditQuota quota, TimeProvider time)
{
    private const int ClientClosedRequest = 499;

    /// <summary>Runs what follows and notes it.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        Task? noted = null;
        context.Response.OnStarting(() => noted ??= NoteAsync(context));
        await next(context);
        // What is never answered, such as an upload that breaks off, is noted as well.
        await (noted ??= NoteAsync(context));
    }

    /// <summary>What is committed from here on belongs to the request.</summary>
    public static async Task WitnessAsync(HttpContext context, RequestDelegate next)
    {
        // Asynchronous, so that the flow of whoever called is left as it was.
        context.Items[typeof(CommitWitness)] = CommitWitness.Begin();
        await next(context);
    }

    private async Task NoteAsync(HttpContext context)
    {
        var status = context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted
            ? ClientClosedRequest
            : context.Response.StatusCode;
        if (!IsWorthNoting(context, status)) return;
        var entry = EntryOf(context, status);
        if (status < StatusCodes.Status400BadRequest || quota.Takes($"{entry.Who} at {entry.From}")) await trail.AppendAsync(entry);
    }

    private static bool IsWorthNoting(HttpContext context, int status)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<Routine>()?.Status == status) return false;
        if (RequestNotes.Of(context).IsSignIn) return true;
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method) && !HttpMethods.IsOptions(request.Method))
            return true;
        // A read that is refused for what it showed; one that showed nothing is a browser or a probe at a closed door.
        var shown = request.Headers.Authorization.Count > 0 || context.User.Identity?.IsAuthenticated == true;
        return shown && status is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden
            or StatusCodes.Status429TooManyRequests;
    }

    private AuditEntry EntryOf(HttpContext context, int status)
    {
        var notes = RequestNotes.Of(context);
        var (seen, more) = context.Items[typeof(CommitWitness)] is CommitWitness witness ? witness.Seen : ([], 0);
        var changes = seen.Where(change => change.Before != change.After).Select(AuditChanges.Of).ToList();
        return new AuditEntry(
            time.GetUtcNow(), notes.Who ?? NameOf(context.User) ?? "nobody", context.Connection.RemoteIpAddress?.ToString() ?? "",
            $"{context.Request.Method} {context.Request.Path}", status)
        {
            Proof = context.User.FindFirstValue(Caller.ProofClaim),
            Why = status >= StatusCodes.Status400BadRequest ? notes.Why : null,
            Changes = changes.Count > 0 ? changes : null,
            MoreChanges = more > 0 ? more : null,
        };
    }

    private static string? NameOf(ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.Name) is { } name
        ? user.IsInRole(Roles.Device) ? $"device {name}" : name
        : null;
}
