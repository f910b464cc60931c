using System.Threading.Channels;
using Fleet.Platform;
using Fleet.Server.Health;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Audit;

/// <summary>
/// Everything that was changed or tried, a JSON line each, in <c>audit.jsonl</c>: a file that is only ever appended to can be shipped,
/// rotated and searched with the tools people have. Its first line says why it begins, so that a file without lines is one that was
/// lost; each line carries a hash of itself and of the one before.
/// </summary>
internal sealed partial class AuditTrail(
    FleetOptions options, ServerHealth health, TimeProvider time, ILogger<AuditTrail> logger) : IDisposable
{
    private const string HealthSubject = "audit";

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Channel<bool> _appended = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly string _path = PathIn(options);

    // Where the next line continues; null until it is known.
    private AuditHead? _head;

    /// <summary>Where the trail ends.</summary>
    public AuditHead? Head => Volatile.Read(ref _head);

    /// <summary>The file of a data folder.</summary>
    public static string PathIn(FleetOptions options) => Path.Combine(options.DataFolder, DataFolder.AuditFile);

    /// <summary>Begins a trail in a data folder that has lost its own, as the person at the machine asks.</summary>
    /// <returns>The file.</returns>
    /// <exception cref="InvalidDataException">No trail is missing there.</exception>
    public static string BeginAnew(FleetOptions options, TimeProvider time)
    {
        if (!DataFolder.HasLostItsTrail(options.DataFolder))
            throw new InvalidDataException($"No audit trail is missing in {options.DataFolder}: nothing was changed.");
        var path = PathIn(options);
        _ = Begin(path, null, new AuditEntry(
            time.GetUtcNow(), Environment.UserName, $"fleet-server {DataFolder.BeginCommand}",
            "The trail begins anew: the one before was lost.", null));
        return path;
    }

    /// <summary>Notes what a command did at the machine, while no server runs.</summary>
    /// <param name="command">The command of <c>fleet-server</c>.</param>
    /// <param name="what">What it did.</param>
    /// <param name="store">Knows where the trail should end.</param>
    public async Task NoteAtMachineAsync(string command, string what, IFleetStore store)
    {
        BeginIfNew();
        if (await AuditKeeper.KnownAsync(store, CancellationToken.None) is { } known) await ContinueAsync(known);
        await AppendAsync(new AuditEntry(time.GetUtcNow(), Environment.UserName, $"fleet-server {command}", what, null));
    }

    /// <summary>Begins the trail of a new data folder, and of one whose trail was moved to another name; goes on with the others.</summary>
    public void BeginIfNew()
    {
        if (IsThere)
        {
            AuditFile.EndLastLine(_path);
            _head = EndOf(_path);
            return;
        }
        var moved = DataFolder.MovedTrails(options.DataFolder);
        _head = moved.Select(name => EndOf(Path.Combine(options.DataFolder, name))).MaxBy(head => head?.Number);
        BeginHere(moved.Count > 0 ? $"The trail goes on from {string.Join(", ", moved)}." : "The trail begins with its data folder.");
    }

    /// <summary>
    /// Goes on behind the line that the database knows to be the last. Where it is missing, a line says so, and the numbers of what was cut
    /// stay missing; a trail that was begun anew has said it in its first line.
    /// </summary>
    public async Task ContinueAsync(AuditHead known)
    {
        if (_head is not { Number: > 1 } found || found == known || Holds(known)) return;
        var isCut = found.Number < known.Number;
        if (isCut) _head = known;
        var what = isCut
            ? $"The trail was cut: it ended with line {found.Number}, and line {known.Number} had been written."
            : $"The trail was written anew: its line {known.Number} is not the one that was there.";
        LogTampered(what);
        await AppendAsync(new AuditEntry(time.GetUtcNow(), "fleet-server", "", what, null));
    }

    /// <summary>Appends an entry. What was done is done, whether or not it can be noted: the log and the health tell of a gap.</summary>
    public async Task AppendAsync(AuditEntry entry)
    {
        await _turn.WaitAsync();
        try
        {
            if (!IsThere) BeginHere("The trail begins anew: its file was moved, removed or emptied while the server ran.");
            var (number, previous) = (_head!.Number + 1, _head.Chain);
            var (line, chain) = AuditChain.LineOf(entry with { Number = number }, previous);
            await AppendAsync(line);
            _head = new AuditHead(number, chain);
            _appended.Writer.TryWrite(true);
            health.Clear(HealthSubject);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotWritten(entry.Who, entry.What, entry.Status, e);
            health.Report(HealthSubject, $"The audit trail cannot be written: {e.Message}");
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Returns once there is a line more.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await _appended.Reader.ReadAsync(cancellationToken);

    /// <summary>Puts the lines so far on disk.</summary>
    /// <returns>Where they end.</returns>
    public async Task<AuditHead?> FlushAsync()
    {
        await _turn.WaitAsync();
        try
        {
            if (!IsThere) return null;
            using var file = new FileStream(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            file.Flush(flushToDisk: true);
            return _head;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private bool IsThere => new FileInfo(_path) is { Exists: true, Length: > 0 };

    private void BeginHere(string why) => _head = Begin(_path, _head, new AuditEntry(time.GetUtcNow(), "fleet-server", "", why, null));

    // On disk before anything else is: an empty file after a power cut would look like a loss.
    private static AuditHead Begin(string path, AuditHead? before, AuditEntry first)
    {
        var number = (before?.Number ?? 0) + 1;
        var (line, chain) = AuditChain.LineOf(first with { Number = number, Previous = before?.Chain }, before?.Chain ?? "");
        DurableFile.Write(path, line);
        return new AuditHead(number, chain);
    }

    /// <summary>Where a file ends. Lines of an earlier program are sealed by the next.</summary>
    private static AuditHead? EndOf(string path)
    {
        if (IsPacked(path)) return null;
        using var file = AuditFile.Verify(path);
        return file.Last is { Chain: { } chain } last ? new AuditHead(last.Number, chain) : new AuditHead(file.Lines, file.Seal);
    }

    /// <summary>True when the line is in the file, or in one that was moved.</summary>
    private bool Holds(AuditHead known)
        => DataFolder.MovedTrails(options.DataFolder).Where(name => !IsPacked(name)).Append(DataFolder.AuditFile)
            .SelectMany(name => AuditFile.LinesOf(Path.Combine(options.DataFolder, name)))
            .Any(line => AuditChain.Read(line.Span) is { } entry && entry.Number == known.Number && entry.Chain == known.Chain);

    private static bool IsPacked(string name) => Path.GetExtension(name) is ".gz" or ".zst" or ".xz" or ".bz2";

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

    [LoggerMessage(LogLevel.Error, "{What}")]
    private partial void LogTampered(string what);
}
