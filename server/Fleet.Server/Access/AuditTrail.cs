using System.Security.Claims;
using System.Text.Json;
using Fleet.Platform;
using Fleet.Server.Health;
using Fleet.Server.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Access;

/// <summary>What an operator changed or tried to change, or how the trail began.</summary>
/// <param name="At">When.</param>
/// <param name="Who">The key; the user of the machine, where it was done at the machine.</param>
/// <param name="From">The address it came from, or the program.</param>
/// <param name="What">Method and path, or why the trail begins.</param>
/// <param name="Status">How it was answered: a refused attempt is worth knowing too. Null where nobody asked over HTTP.</param>
internal sealed record AuditEntry(DateTimeOffset At, string Who, string From, string What, int? Status);

/// <summary>
/// Everything operators changed or tried to, a JSON line each, in <c>audit.jsonl</c>: a file that is only ever appended to can be
/// shipped, rotated and searched with the tools people have. Its first line says why it begins, so that a file without lines is one
/// that was lost.
/// </summary>
internal sealed partial class AuditTrail(
    FleetOptions options, ServerHealth health, TimeProvider time, ILogger<AuditTrail> logger) : IDisposable
{
    private const string HealthSubject = "audit";

    private readonly SemaphoreSlim _turn = new(1);
    private readonly string _path = Path.Combine(options.DataFolder, DataFolder.AuditFile);

    /// <summary>Begins a trail in a data folder that has lost its own, as the person at the machine asks.</summary>
    /// <returns>The file.</returns>
    /// <exception cref="InvalidDataException">No trail is missing there.</exception>
    public static string BeginAnew(FleetOptions options, TimeProvider time)
    {
        if (!DataFolder.HasLostItsTrail(options.DataFolder))
            throw new InvalidDataException($"No audit trail is missing in {options.DataFolder}: nothing was changed.");
        var path = Path.Combine(options.DataFolder, DataFolder.AuditFile);
        Begin(path, new AuditEntry(
            time.GetUtcNow(), Environment.UserName, $"fleet-server {DataFolder.BeginCommand}",
            "The trail begins anew: the one before was lost.", null));
        return path;
    }

    /// <summary>Begins the trail of a new data folder, and of one whose trail was moved to another name.</summary>
    public void BeginIfNew()
    {
        if (IsThere) return;
        var moved = DataFolder.MovedTrails(options.DataFolder);
        BeginHere(moved.Count > 0 ? $"The trail goes on from {string.Join(", ", moved)}." : "The trail begins with its data folder.");
    }

    /// <summary>Runs what follows and notes it, if it was an operator's attempt to change something.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)
            || context.User.FindFirstValue(ClaimTypes.Role) is null or Roles.Worker or Roles.Device)
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
        var line = LineOf(entry);
        await _turn.WaitAsync();
        try
        {
            if (!IsThere) BeginHere("The trail begins anew: its file was moved, removed or emptied while the server ran.");
            await AppendAsync(line);
            health.Clear(HealthSubject);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
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

    private bool IsThere => new FileInfo(_path) is { Exists: true, Length: > 0 };

    private void BeginHere(string why) => Begin(_path, new AuditEntry(time.GetUtcNow(), "fleet-server", "", why, null));

    // On disk before anything else is: an empty file after a power cut would look like a loss.
    private static void Begin(string path, AuditEntry first) => DurableFile.Write(path, LineOf(first));

    private static byte[] LineOf(AuditEntry entry)
        => [.. JsonSerializer.SerializeToUtf8Bytes(entry, AccessJson.Default.AuditEntry), (byte)'\n'];

    private async Task AppendAsync(byte[] line)
    {
        await using var file = new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var before = file.Length;
        try
        {
            // One write: a process that dies leaves whole lines.
            await file.WriteAsync(line);
        }
        catch (IOException)
        {
            // A disk that fills up takes a part of it: the next line must not stand behind half of this one.
            file.SetLength(before);
            throw;
        }
    }

    [LoggerMessage(LogLevel.Error, "Not in the audit trail: {Who} {What} {Status}")]
    private partial void LogNotWritten(string who, string what, int? status, Exception exception);
}
