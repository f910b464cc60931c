using System.Threading.Channels;
using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>
/// The only way to the database. LiteDB 5.0.20 corrupts itself when two threads use it at once, even when one of them only reads;
/// so one dedicated thread owns it. Whatever waits when the thread comes round becomes one transaction: the flush to disk, which
/// costs more than everything else, is shared by all of them, and nobody is answered before it.
/// </summary>
internal sealed class LiteGate : IAsyncDisposable
{
    private const int QueueLength = 4096;
    private const int GroupLength = 256;

    private readonly Channel<LiteWork> _queue = Channel.CreateBounded<LiteWork>(new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly Func<LiteDatabase> _open;
    private readonly Action<LiteDatabase> _load;
    private readonly Action _committed;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LiteDatabase? _database;

    /// <summary>Opens the database and starts the thread.</summary>
    /// <param name="open">Opens the database.</param>
    /// <param name="load">Reads what is kept in memory. Called again after a failed commit: memory must then follow the disk.</param>
    /// <param name="committed">Called when a transaction is on disk, before anybody is answered.</param>
    public LiteGate(Func<LiteDatabase> open, Action<LiteDatabase> load, Action committed)
    {
        (_open, _load, _committed) = (open, load, committed);
        _database = Reopen();
        new Thread(Run) { Name = "store", IsBackground = true }.Start();
    }

    /// <summary>Runs <paramref name="work"/> on the database's thread; returns when what it wrote is on disk.</summary>
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
        }
        _database?.Dispose();
        _ended.SetResult();
    }

    private void Commit(List<LiteWork> group)
    {
        try
        {
            var database = _database ??= Reopen();
            database.BeginTrans();
            foreach (var work in group) work.Apply(database);
            database.Commit();
            _committed();
        }
        // Whatever it was (a full disk, a broken page), nothing of this group counts and everybody is told. The engine may be
        // unusable now, so the next group opens it anew.
        catch (Exception e)
        {
            foreach (var work in group) work.Fail(e);
            Abandon();
            return;
        }
        foreach (var work in group) work.Complete();
    }

    private LiteDatabase Reopen()
    {
        var database = _open();
        try
        {
            _load(database);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    private void Abandon()
    {
        try
        {
            _database?.Dispose();
        }
        catch (Exception)
        {
            // It is being given up because it failed; the failure that matters was already handed to those who wait.
        }
        _database = null;
    }
}

/// <summary>Something to do on the database's thread.</summary>
internal abstract class LiteWork
{
    /// <summary>Does it inside the group's transaction. A planned refusal is set as the result; what is thrown fails the whole group.</summary>
    public abstract void Apply(LiteDatabase database);

    /// <summary>Answers: the transaction is on disk.</summary>
    public abstract void Complete();

    /// <summary>Answers: the transaction failed.</summary>
    public abstract void Fail(Exception exception);
}

/// <summary>Work that answers with a value.</summary>
internal sealed class LiteWork<T>(Func<LiteDatabase, T> action, CancellationToken cancellationToken) : LiteWork
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T? _value;
    private Exception? _refusal;

    /// <summary>The answer.</summary>
    public Task<T> Result => _result.Task;

    /// <inheritdoc/>
    public override void Apply(LiteDatabase database)
    {
        try
        {
            // The last moment to withdraw: from here on it is part of a transaction.
            cancellationToken.ThrowIfCancellationRequested();
            _value = action(database);
        }
        catch (Exception e) when (e is VersionConflictException or ArgumentException or OperationCanceledException)
        {
            _refusal = e;
        }
    }

    /// <inheritdoc/>
    public override void Complete()
    {
        if (_refusal is OperationCanceledException) _result.TrySetCanceled(cancellationToken);
        else if (_refusal is not null) _result.TrySetException(_refusal);
        else _result.TrySetResult(_value!);
    }

    /// <inheritdoc/>
    public override void Fail(Exception exception) => _result.TrySetException(new StoreException(StoreFailure.Unavailable, $"The store could not write: {exception.Message}", exception));
}
