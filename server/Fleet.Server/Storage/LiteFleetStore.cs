using Fleet.Platform;
using LiteDB;
using JsonSerializer = System.Text.Json.JsonSerializer;

namespace Fleet.Server.Storage;

/// <summary>
/// The embedded store: one LiteDB file. Documents are read from it once, at start, and from memory afterwards; every commit goes
/// to disk before it becomes visible. Telemetry stays on disk.
/// </summary>
internal sealed partial class LiteFleetStore : IFleetStore, IAsyncDisposable
{
    private const string Documents = "documents";

    private readonly Dictionary<Type, DocumentType> _types;
    private readonly Dictionary<string, (Type Type, DocumentType Document)> _names;
    private readonly LiteTelemetry _telemetry;
    private readonly FreeSpace _space;
    private readonly ILogger<LiteFleetStore> _logger;
    private readonly TimeProvider _time;
    private readonly ICommitObserver[] _observers;
    private readonly LiteGate _gate;
    private readonly FileStream _lock;

    // Why the last group failed; null when it did not.
    private volatile StoreException? _trouble;

    // The working snapshot belongs to the gate's thread and runs ahead of the disk within a transaction; the published one is
    // what everybody reads.
    private DocumentSnapshot _working = DocumentSnapshot.Empty;
    private volatile DocumentSnapshot _published = DocumentSnapshot.Empty;

    /// <summary>Opens or creates the file and reads its documents.</summary>
    /// <param name="settings">Where it is.</param>
    /// <param name="types">Every type of document that is stored.</param>
    /// <param name="time">Says when a telemetry batch arrived.</param>
    /// <param name="logger">Told of failures.</param>
    /// <param name="observers">Told of every commit.</param>
    /// <exception cref="IOException">Another process has it open: two would destroy it.</exception>
    /// <exception cref="StoreException">It is damaged.</exception>
    public LiteFleetStore(
        LiteStoreSettings settings, IEnumerable<DocumentType> types, TimeProvider time, ILogger<LiteFleetStore> logger,
        IEnumerable<ICommitObserver>? observers = null)
    {
        (_logger, _time, _observers) = (logger, time, [.. observers ?? []]);
        _types = types.ToDictionary(type => type.Json.Type);
        _names = _types.ToDictionary(pair => pair.Value.Name, pair => (pair.Key, pair.Value));
        _telemetry = new LiteTelemetry(time);
        _space = new FreeSpace(Path.GetDirectoryName(Path.GetFullPath(settings.Path))!, settings.FreeSpaceReserve);
        _lock = Lock(settings.Path + ".lock");
        try
        {
            LiteUpgrade.Run(settings.Path);
            _gate = new LiteGate(new LiteGateSettings
            {
                Store = settings,
                Space = _space,
                Load = Load,
                Committing = _telemetry.Committing,
                Committed = Committed,
                Failed = Failed,
            });
        }
        catch
        {
            _lock.Dispose();
            throw;
        }
    }

    /// <summary>Syncs of the disk since the start, for those who measure.</summary>
    public long Syncs => _gate.Syncs;

    /// <summary>Devices whose rollups were looked for on disk since the start, for those who measure.</summary>
    public long RollupReads => _telemetry.RollupReads;

    /// <summary>Rollups in memory that are not written, for those who measure while nothing is stored.</summary>
    public int UnwrittenRollups => _telemetry.UnwrittenRollups;

    /// <inheritdoc/>
    public Task<Stored<T>?> FindAsync<T>(string id, CancellationToken cancellationToken) where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(_published.Find(Known<T>(), id) is { } entry ? StoredOf<T>(entry) : null);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Stored<T>>> ListAsync<T>(string prefix, string? after, int limit, CancellationToken cancellationToken)
        where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(PageOf<T>(_published.List(Known<T>(), prefix, after), limit));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Stored<T>>> ListNewestAsync<T>(string prefix, string? before, int limit, CancellationToken cancellationToken)
        where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(PageOf<T>(_published.ListNewest(Known<T>(), prefix, before), limit));
    }

    /// <inheritdoc/>
    public async Task CommitAsync(IReadOnlyList<StoreChange> changes, CancellationToken cancellationToken)
    {
        // Written out here, on the caller's thread: the database's own thread has the disk to wait for.
        var rows = changes.Select(change => (Change: change, Row: RowOf(change))).ToArray();
        if (rows.Length == 0) return;
        var before = _published;
        await _gate.RunAsync(
            new LiteWork<bool>(Writes.Documents, database => Apply(database, rows), cancellationToken), cancellationToken);
        foreach (var observer in _observers) observer.Committed(rows.Select(row => KeyOf(row.Change)));
        CommitWitness.Current?.Saw(rows.Length, i => new CommittedChange(
            KeyOf(rows[i].Change), JsonOf(before, rows[i].Change), rows[i].Row?["json"].AsString));
    }

    /// <inheritdoc/>
    public async Task<string?> ProblemAsync(CancellationToken cancellationToken)
    {
        try
        {
            // After a failure only a write shows whether writes succeed again.
            await _gate.RunAsync(new LiteWork<bool>(Writes.Nothing, database => _trouble is null || Touch(database), cancellationToken),
                cancellationToken);
            return _space.Problem;
        }
        catch (StoreException e)
        {
            return e.Message;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await WriteTelemetryAsync();
        await _gate.DisposeAsync();
        await _lock.DisposeAsync();
    }

    /// <summary>
    /// Held as long as the store is open, and let go by the system when the process dies. LiteDB itself lets two processes in.
    /// </summary>
    private static FileStream Lock(string path)
        => ClaimedFile.TryOpen(path)
            ?? throw new IOException($"{Path.GetDirectoryName(Path.GetFullPath(path))} is in use by another server.");

    private static bool Touch(LiteDatabase database) => database.GetCollection("probe").Upsert(new BsonDocument { ["_id"] = 0 });

    private void Committed()
    {
        _published = _working;
        if (_trouble is null) return;
        _trouble = null;
        LogRecovered();
    }

    private void Failed(StoreException failure)
    {
        if (_trouble is null || _trouble.Failure != failure.Failure) LogFailed(failure.Message, failure);
        _trouble = failure;
    }

    private static IReadOnlyList<Stored<T>> PageOf<T>(IEnumerable<DocumentSnapshot.Entry> entries, int limit) where T : class
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, IFleetStore.MaximumPage);
        return [.. entries.Take(limit).Select(StoredOf<T>)];
    }

    private bool Apply(LiteDatabase database, (StoreChange Change, BsonDocument? Row)[] rows)
    {
        // All are judged before the first is written: a refused commit leaves nothing behind in the group it shares with others.
        var after = _working;
        foreach (var (change, _) in rows)
        {
            var found = after.Find(change.Type, change.Id)?.Version ?? 0;
            if (found != change.ExpectedVersion)
                throw new VersionConflictException(_types[change.Type].Name, change.Id, change.ExpectedVersion, found);
            after = after.With(change.Type, change.Id, found + 1, change.Document);
        }
        var documents = database.GetCollection(Documents);
        foreach (var (change, row) in rows)
        {
            if (row is null) documents.Delete(KeyOf(change));
            else documents.Upsert(row);
        }
        _working = after;
        return true;
    }

    private void Load(LiteDatabase database)
    {
        _telemetry.Load(database);
        var loaded = new List<(Type, DocumentSnapshot.Entry)>();
        foreach (var row in database.GetCollection(Documents).FindAll())
        {
            var key = row["_id"].AsString;
            var slash = key.IndexOf('/', StringComparison.Ordinal);
            // A type this program does not know was stored by a later one: it stays on disk, untouched.
            if (!_names.TryGetValue(key[..slash], out var type)) continue;
            var document = JsonSerializer.Deserialize(row["json"].AsString, type.Document.Json)
                ?? throw new InvalidDataException($"Document '{key}' holds null: the database was not written by this program.");
            loaded.Add((type.Type, new DocumentSnapshot.Entry(key[(slash + 1)..], row["version"].AsInt64, document)));
        }
        _published = _working = DocumentSnapshot.Of(loaded);
    }

    private BsonDocument? RowOf(StoreChange change)
    {
        if (!_types.TryGetValue(change.Type, out var type)) throw Unknown(change.Type);
        if (change.Document is null) return null;
        var json = JsonSerializer.Serialize(change.Document, type.Json);
        return json.Length <= IFleetStore.MaximumDocumentBytes
            ? new BsonDocument { ["_id"] = KeyOf(change), ["version"] = change.ExpectedVersion + 1, ["json"] = json }
            : throw new ArgumentException(
                $"{type.Name} '{change.Id}' is {json.Length} bytes; a document holds at most {IFleetStore.MaximumDocumentBytes}. Keep what "
                    + "is large as an artifact.");
    }

    /// <summary>What a change has replaced, as JSON; null when it was nothing.</summary>
    private string? JsonOf(DocumentSnapshot before, StoreChange change)
        => before.Find(change.Type, change.Id) is { } entry && entry.Version == change.ExpectedVersion
            ? JsonSerializer.Serialize(entry.Document, _types[change.Type].Json)
            : null;

    private string KeyOf(StoreChange change) => $"{_types[change.Type].Name}/{change.Id}";

    private Type Known<T>() => _types.ContainsKey(typeof(T)) ? typeof(T) : throw Unknown(typeof(T));

    private static ArgumentException Unknown(Type type)
        => new($"{type.Name} is not a document the store knows: register it with AddDocument.");

    private static Stored<T> StoredOf<T>(DocumentSnapshot.Entry entry) where T : class => new(entry.Id, entry.Version, (T)entry.Document);

    [LoggerMessage(LogLevel.Error, "The store cannot write: {Reason} Nothing of it was acknowledged; the database is opened anew")]
    private partial void LogFailed(string reason, Exception exception);

    [LoggerMessage(LogLevel.Information, "The store writes again")]
    private partial void LogRecovered();
}
