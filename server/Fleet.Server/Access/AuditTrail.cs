using System.Security.Claims;
using System.Text.Json;
using Fleet.Server.Health;
using Fleet.Server.Settings;

namespace Fleet.Server.Access;

/// <summary>What an operator changed or tried to change.</summary>
/// <param name="At">When.</param>
/// <param name="Who">The key.</param>
/// <param name="From">The address it came from.</param>
/// <param name="What">Method and path.</param>
/// <param name="Status">How it was answered: a refused attempt is worth knowing too.</param>
internal sealed record AuditEntry(DateTimeOffset At, string Who, string From, string What, int Status);

/// <summary>
/// Everything operators changed or tried to, a JSON line each, in <c>audit.jsonl</c>: a file that is only ever appended to can be
/// shipped, rotated and searched with the tools people have.
/// </summary>
internal sealed partial class AuditTrail(
    FleetOptions options, ServerHealth health, TimeProvider time, ILogger<AuditTrail> logger) : IDisposable
{
    private const string HealthSubject = "audit";

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Runs what follows and notes it, if it was an operator's attempt to change something.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)
            || !context.User.IsInRole(Roles.Operator))
            return;
        await AppendAsync(new AuditEntry(
            time.GetUtcNow(),
            context.User.FindFirstValue(ClaimTypes.Name) ?? "",
            context.Connection.RemoteIpAddress?.ToString() ?? "",
            $"{context.Request.Method} {context.Request.Path}",
            context.Response.StatusCode));
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private async Task AppendAsync(AuditEntry entry)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(entry, AccessJson.Default.AuditEntry);
        await _turn.WaitAsync();
        try
        {
            await using var file = new FileStream(
                Path.Combine(options.DataFolder, "audit.jsonl"), FileMode.Append, FileAccess.Write, FileShare.Read);
            // One write: a process that dies leaves whole lines.
            await file.WriteAsync((byte[])[.. line, (byte)'\n']);
            health.Clear(HealthSubject);
        }
        catch (IOException e)
        {
            // What was done is done, and its answer is on the way: the trail tells of its gap.
            LogNotWritten(entry.Who, entry.What, entry.Status, e);
            health.Report(HealthSubject, $"The audit trail cannot be written: {e.Message}");
        }
        finally
        {
            _turn.Release();
        }
    }

    [LoggerMessage(LogLevel.Error, "Not in the audit trail: {Who} {What} {Status}")]
    private partial void LogNotWritten(string who, string what, int status, Exception exception);
}
