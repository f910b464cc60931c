using System.Globalization;
using System.Text.Json;
using Fleet.Server.Audit;
using Fleet.Server.Health;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Artifacts;

/// <summary>An artifact as a look finds it.</summary>
/// <param name="File">The file.</param>
/// <param name="Uses">Who names it; null when nobody does.</param>
/// <param name="HeldBy">What keeps it although nobody names it; null for nothing.</param>
/// <param name="UnusedSince">Since when nothing keeps it; null while something does.</param>
internal sealed record SeenArtifact(ArtifactFile File, ArtifactUses? Uses, string? HeldBy, DateTimeOffset? UnusedSince);

/// <summary>What a sweep found, and what it removed, or would remove.</summary>
internal sealed record SweepResult(IReadOnlyList<SeenArtifact> Seen, IReadOnlyList<SeenArtifact> Gone);

/// <summary>
/// Removes artifacts that nobody names: what builds left that were interrupted, and imports that failed. A look lists the files first, then
/// asks every room what it names; a file goes only if it is as it was listed, so that whoever took it in between keeps it.
/// </summary>
internal sealed partial class ArtifactSweep(
    ArtifactStore artifacts, IEnumerable<IArtifactNaming> rooms, AuditTrail audit, FleetOptions options, ServerHealth health,
    TimeProvider time, ILogger<ArtifactSweep> logger) : BackgroundService
{
    /// <summary>How often it looks.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private const string Subject = "sweep";

    /// <summary>Files of one line of the audit trail.</summary>
    private const int FilesPerLine = 100;

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>What the last sweep found; empty before the first.</summary>
    public IReadOnlyList<SeenArtifact> Seen { get; private set; } = [];

    /// <summary>Every artifact, in order of digest, with who names it.</summary>
    public async Task<IReadOnlyList<SeenArtifact>> LookAsync(CancellationToken cancellationToken)
    {
        var files = artifacts.Files();
        var names = new ArtifactNames();
        foreach (var hold in artifacts.Holds()) names.Hold(hold.Since, null, hold.Why);
        foreach (var room in rooms) await room.TellAsync(names, cancellationToken);
        var (known, now) = (UnusedArtifacts.Read(artifacts.Folder), time.GetUtcNow());
        return [.. files.OrderBy(file => file.Sha256, StringComparer.Ordinal).Select(See)];

        SeenArtifact See(ArtifactFile file)
        {
            var uses = names.UsesOf(file.Sha256);
            var held = uses is null ? names.WhyHeld(file.WrittenAt) : null;
            DateTimeOffset? found = known.TryGetValue(file.Sha256, out var since) ? since : null;
            return new SeenArtifact(
                file, uses, held, uses is null && held is null ? SweepRules.UnusedSince(found, file.WrittenAt, now) : null);
        }
    }

    /// <summary>Removes what has been unused for longer than <paramref name="grace"/>.</summary>
    /// <param name="grace">How long that is, at least <see cref="SweepRules.ShortestGrace"/>.</param>
    /// <param name="who">Who asks, for the audit trail.</param>
    /// <param name="dryRun">True to remove nothing.</param>
    /// <param name="cancellationToken">Ends it between two files.</param>
    public async Task<SweepResult> SweepAsync(TimeSpan grace, string who, bool dryRun, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var (seen, now) = (await LookAsync(cancellationToken), time.GetUtcNow());
            SeenArtifact[] old =
            [
                .. seen.Where(one => one.UnusedSince is { } since && SweepRules.MayGo(since, grace, now)),
            ];
            if (dryRun) return new SweepResult(seen, old);
            var gone = new List<SeenArtifact>();
            foreach (var part in old.Chunk(FilesPerLine)) gone.AddRange(await RemoveAsync(part, who, cancellationToken));
            if (gone.Count > 0) LogRemoved(gone.Count, gone.Sum(one => one.File.Bytes));
            Seen = [.. seen.Except(gone)];
            Keep(Seen);
            return new SweepResult(seen, gone);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _turn.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await SweepAsync(options.UnusedArtifactsKept, "fleet-server", dryRun: false, stoppingToken);
                health.Clear(Subject);
            }
            catch (Exception e) when (e is StoreException or IOException or UnauthorizedAccessException or JsonException)
            {
                LogNotSwept(e.Message);
                health.Warn(Subject, $"Unused artifacts cannot be removed: {e.Message} It is tried again in an hour.");
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>
    /// Removes files. The trail says so before, so that an end in between leaves none that went without a line; where the trail cannot be
    /// written, its own trouble is in health, and the files go all the same: a full disk needs it.
    /// </summary>
    private async Task<IReadOnlyList<SeenArtifact>> RemoveAsync(
        SeenArtifact[] part, string who, CancellationToken cancellationToken)
    {
        await NoteAsync(
            who, string.Create(CultureInfo.InvariantCulture,
                $"Artifacts that nothing uses are removed: {part.Length}, of {part.Sum(one => one.File.Bytes):N0} bytes."), part);
        var (gone, kept) = (new List<SeenArtifact>(), new List<SeenArtifact>());
        foreach (var one in part)
        {
            if (!cancellationToken.IsCancellationRequested && artifacts.Remove(one.File)) gone.Add(one);
            else kept.Add(one);
        }
        if (kept.Count > 0)
            await NoteAsync(
                who, string.Create(CultureInfo.InvariantCulture,
                    $"{kept.Count} of these artifacts stayed: they were taken again in between, or the server stopped."), kept);
        cancellationToken.ThrowIfCancellationRequested();
        return gone;
    }

    private Task NoteAsync(string who, string what, IReadOnlyList<SeenArtifact> part)
        => audit.AppendAsync(new AuditEntry(time.GetUtcNow(), who, "", what, null)
        {
            Changes =
            [
                .. part.Select(one => new AuditChange(
                    $"artifact/{one.File.Sha256}",
                    JsonSerializer.SerializeToElement(
                        new RemovedArtifact(one.File.Bytes, one.File.WrittenAt, one.UnusedSince), ArtifactsJson.Default.RemovedArtifact),
                    null)),
            ],
        });

    /// <summary>A disk that is full has no room for this file, and needs the next sweep the more.</summary>
    private void Keep(IReadOnlyList<SeenArtifact> seen)
    {
        var unused = seen.Where(one => one.UnusedSince is not null).ToDictionary(one => one.File.Sha256, one => one.UnusedSince!.Value);
        var known = UnusedArtifacts.Read(artifacts.Folder);
        if (unused.Count == known.Count && unused.All(one => known.TryGetValue(one.Key, out var since) && since == one.Value)) return;
        try
        {
            UnusedArtifacts.Write(artifacts.Folder, unused);
        }
        catch (IOException e)
        {
            LogNotKept(e.Message);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Count} artifacts that nothing uses are removed, of {Bytes} bytes")]
    private partial void LogRemoved(int count, long bytes);

    [LoggerMessage(LogLevel.Warning, "Unused artifacts were not removed; it is tried again in an hour: {Reason}")]
    private partial void LogNotSwept(string reason);

    [LoggerMessage(LogLevel.Warning,
        "Since when artifacts are unused could not be written down, and begins anew at the next look: {Reason}")]
    private partial void LogNotKept(string reason);
}
