using LiteDB;
using LiteDB.Engine;

namespace Fleet.Server.Storage;

/// <summary>The open database: LiteDB on streams of our own. Everything here runs on the store's thread alone.</summary>
internal sealed class LiteSession : IDisposable
{
    private readonly LiteStoreSettings _settings;
    private readonly LiteFiles _files;
    private readonly LiteEngine _engine;

    /// <summary>Opens the database.</summary>
    /// <param name="settings">Where it is.</param>
    /// <param name="before">How far the session before got whose failure made this one necessary; null at the start of the program.</param>
    /// <exception cref="StoreException">The files are damaged.</exception>
    public LiteSession(LiteStoreSettings settings, LiteFiles? before)
    {
        _settings = settings;
        _files = new LiteFiles(settings.OpenFile, settings.Path);
        try
        {
            if (before is not null) _files.CutToWhatWasSynced(before);
            _engine = new LiteEngine(new EngineSettings { DataStream = _files.Data, LogStream = _files.Log, Collation = Collation.Binary });
            Database = new LiteDatabase(_engine);
            // Checkpoints are made here, between groups, and never in the middle of a commit that somebody waits for.
            if (Database.CheckpointSize != 0) Database.CheckpointSize = 0;
            if (_files.Generation == 1) Checkpoint();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The database. Its one collation compares ids as the bytes they are, on every machine alike.</summary>
    public LiteDatabase Database { get; } = null!;

    /// <summary>Its files.</summary>
    public LiteFiles Files => _files;

    /// <summary>True when the log is long enough to be carried over.</summary>
    public bool WantsCheckpoint => _files.LogPages >= _settings.CheckpointPages;

    /// <summary>True when nothing that is stored until the next checkpoint makes the database longer.</summary>
    public bool HasRoomInside => _files.HasFreePages(_settings.CheckpointPages);

    /// <summary>Carries the log over into the database and begins it anew.</summary>
    public void Checkpoint()
    {
        // The database says which log it goes with: with another one it is refused.
        Database.UserVersion = _files.Generation;
        _files.Sync();
        Database.Checkpoint();
    }

    /// <summary>Closes the files. What is not synced by then was not acknowledged and is not written any more.</summary>
    public void Dispose()
    {
        _files.Abandon();
        try
        {
            // In this order: a transaction that is still open when the engine goes ends the process in its finalizer.
            _engine?.Rollback();
            _engine?.Dispose();
        }
        catch (Exception e) when (e is IOException or LiteException)
        {
            // It tries to write, and may not: what it held in memory was never acknowledged.
        }
        _files.Dispose();
    }
}
