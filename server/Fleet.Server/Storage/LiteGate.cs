using System.Threading.Channels;
using Fleet.Platform;
using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>
/// The only way to the database. LiteDB corrupts itself when two threads use it at once, even when one of them only reads; so one
/// dedicated thread owns it. Whatever waits when the thread comes round becomes one transaction and one sync of the disk, which
/// costs more than everything else; nobody is answered before it. If any of it fails, nobody of the group is told "stored", and the
/// database is opened anew from what is on disk before anything else is accepted.
/// </summary>
internal sealed class LiteGate : IAsyncDisposable
{
    private const int QueueLength = 4096;
    private const int GroupLength = 256;

    private readonly Channel<LiteWork> _queue = Channel.CreateBounded<LiteWork>(
        new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LiteGateSettings _settings;
    private LiteSession? _session;
    private LiteFiles? _failed;

    /// <summary>Opens the database and starts the thread.</summary>
    /// <exception cref="StoreException">The database is damaged.</exception>
    public LiteGate(LiteGateSettings settings)
    {
        _settings = settings;
        _session = Open();
        new Thread(Run) { Name = "store", IsBackground = true }.Start();
    }

    /// <summary>Syncs of the log since the start.</summary>
    public long Syncs { get; private set; }

    /// <summary>Runs <paramref name="work"/> on the database's thread; returns when what it wrote is on disk.</summary>
    /// <exception cref="StoreException">Nothing of it was kept.</exception>
    public async Task<T> RunAsync<T>(LiteWork<T> work, CancellationToken cancellationToken)
    {
        try
        {
            await _queue.Writer.WriteAsync(work, cancellationToken);
        }
        catch (ChannelClosedException)
        {
            throw new StoreException(StoreFailure.Closed, "The store is closed: the server is shutting down.");
        }
        return await work.Result;
    }

    /// <summary>Finishes what is queued and closes the database.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _ended.Task;
    }

    private void Run()
    {
        var group = new List<LiteWork>(GroupLength);
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            group.Clear();
            while (group.Count < GroupLength && _queue.Reader.TryRead(out var work)) group.Add(work);
            Commit(group);
            // After the answers: nobody waits for a checkpoint but those who come next.
            if (_session is { WantsCheckpoint: true }) TryCheckpoint();
        }
        if (_session is not null) TryCheckpoint();
        _session?.Dispose();
        _ended.SetResult();
    }

    private void Commit(List<LiteWork> group)
    {
        try
        {
            var session = _session ??= Open();
            session.Database.BeginTrans();
            foreach (var work in group) work.Apply(session.Database, _settings.Space);
            _settings.Committing(session.Database);
            session.Database.Commit();
            var before = session.Files.Syncs;
            session.Files.Sync();
            Syncs += session.Files.Syncs - before;
            _settings.Committed();
        }
        // Whatever it was (a full disk, a broken page), nothing of this group counts and everybody is told.
        catch (Exception e)
        {
            Abandon();
            var failure = FailureOf(e);
            _settings.Failed(failure);
            foreach (var work in group) work.Fail(failure);
            return;
        }
        foreach (var work in group) work.Complete();
    }

    private void TryCheckpoint()
    {
        // It needs about as much space as the log has; without, the log grows on and loses nothing.
        if (_settings.Space.Available < _session!.Files.LogPages * LiteLog.FrameBytes) return;
        try
        {
            _session.Checkpoint();
            _settings.Space.HasRoomInside = _session.HasRoomInside;
        }
        // What it was to carry over is in the log still.
        catch (Exception e)
        {
            Abandon();
            _settings.Failed(FailureOf(e));
        }
    }

    private LiteSession Open()
    {
        var session = new LiteSession(_settings.Store, _failed);
        try
        {
            _settings.Load(session.Database);
            _settings.Space.HasRoomInside = session.HasRoomInside;
            _failed = null;
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private void Abandon()
    {
        if (_session is null) return;
        _failed = _session.Files;
        _session.Dispose();
        _session = null;
    }

    private static StoreException FailureOf(Exception e) => e switch
    {
        StoreException failure => failure,
        IOException when IsFull(e) => new(StoreFailure.Full, "The disk is full. Free space on it; what is sent again then is stored.", e),
        LiteException { ErrorCode: LiteException.INVALID_DATAFILE_STATE } =>
            new(StoreFailure.Corrupt, $"The database contradicts itself: {e.Message}", e),
        _ => new(StoreFailure.Unavailable, $"The database could not be written: {e.Message}", e),
    };

    private static bool IsFull(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is IOException failure && DiskSpace.IsFull(failure)) return true;
        }
        return false;
    }
}

/// <summary>What the gate is made for.</summary>
internal sealed record LiteGateSettings
{
    /// <summary>Where the database is.</summary>
    public required LiteStoreSettings Store { get; init; }

    /// <summary>How much space there is, and how much must stay.</summary>
    public required FreeSpace Space { get; init; }

    /// <summary>Reads what is kept in memory. Called again after a failure: memory must then follow the disk.</summary>
    public required Action<LiteDatabase> Load { get; init; }

    /// <summary>Called when a group is applied, at the end of its transaction.</summary>
    public required Action<LiteDatabase> Committing { get; init; }

    /// <summary>Called when a transaction is on disk, before anybody is answered.</summary>
    public required Action Committed { get; init; }

    /// <summary>Told of every failure.</summary>
    public required Action<StoreException> Failed { get; init; }
}
