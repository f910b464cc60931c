using System.Buffers.Binary;

namespace Fleet.Server.Storage;

/// <summary>
/// The two files of the database, seen by LiteDB as streams, with three rules beneath it that LiteDB 5.0.21 leaves to whoever owns
/// the streams: the database is written only after the log is on disk; the log begins anew only after the database is on disk; and
/// after a write or a sync that failed nothing is written any more.
/// </summary>
internal sealed class LiteFiles : IDisposable
{
    // Of the first page of LiteDB's file format (version 8): where PRAGMA USER_VERSION stands.
    private const int UserVersionOffset = 76;

    // Where the first page says which page is free, and where each free one names the next.
    private const int FreePageOffset = 60;
    private const int NextPageOffset = 9;

    private readonly IDiskFile _data;
    private readonly IDiskFile _logFile;
    private readonly LiteLog _log;
    private Exception? _failure;

    /// <summary>Takes the files as a process before has left them, or makes them.</summary>
    /// <param name="open">Opens a file by its path.</param>
    /// <param name="path">The database file.</param>
    /// <exception cref="StoreException">They are damaged, or do not belong together.</exception>
    public LiteFiles(Func<string, IDiskFile> open, string path)
    {
        var hadLog = File.Exists(LogOf(path));
        _data = open(path);
        try
        {
            _logFile = open(LogOf(path));
        }
        catch
        {
            _data.Dispose();
            throw;
        }
        _log = new LiteLog(_logFile);
        Data = new LiteStream(() => _data.Length, _data.Read, WriteData,
            length => Guard(() => _data.SetLength(length)), () => Guard(_data.Sync));
        Log = new LiteStream(() => _log.Pages * LiteLog.PageBytes, _log.ReadPage, AppendLog, SetLogLength, () => { });
        try
        {
            Open(Path.GetFileName(path));
        }
        catch
        {
            Dispose();
            // What is refused is left as it was found: a log that was missing is not to look like one that was emptied.
            if (!hadLog) File.Delete(LogOf(path));
            throw;
        }
    }

    /// <summary>The database, for LiteDB.</summary>
    public Stream Data { get; }

    /// <summary>The log, for LiteDB.</summary>
    public Stream Log { get; }

    /// <summary>Which checkpoint the log follows; the database carries the number of the last one as its user version.</summary>
    public int Generation => _log.Generation;

    /// <summary>Pages in the log.</summary>
    public long LogPages => _log.Pages;

    /// <summary>Whether the database holds this many free pages, as the last checkpoint left it.</summary>
    public bool HasFreePages(int pages)
    {
        var page = _data.Length < LiteLog.PageBytes ? -1 : Number(FreePageOffset);
        for (; page >= 0 && pages > 0; pages--) page = Number((long)page * LiteLog.PageBytes + NextPageOffset);
        return pages == 0;
    }

    /// <summary>Syncs of the log since it was opened.</summary>
    public long Syncs { get; private set; }

    /// <summary>Returns when everything committed so far is on disk. Costs nothing when it is already.</summary>
    /// <exception cref="IOException">A write or the sync failed: nothing since the last sync counts.</exception>
    public void Sync()
    {
        ThrowIfFailed();
        if (_log.SyncedPages == _log.Pages) return;
        Guard(_log.Sync);
        Syncs++;
    }

    /// <summary>
    /// Takes back what <paramref name="before"/> wrote and could not sync. After a sync that failed the system may still show pages
    /// that the disk never got, and nobody was told that they are stored.
    /// </summary>
    public void CutToWhatWasSynced(LiteFiles before)
    {
        if (before.Generation == Generation && before._log.SyncedPages < _log.Pages) Guard(() => _log.CutTo(before._log.SyncedPages));
    }

    /// <summary>The log that belongs to a database file.</summary>
    public static string LogOf(string path) => Path.ChangeExtension(path, null) + "-log" + Path.GetExtension(path);

    /// <summary>Writes nothing any more, whoever still tries.</summary>
    public void Abandon() => _failure ??= new IOException("The database is given up after a failure.");

    /// <inheritdoc/>
    public void Dispose()
    {
        _data.Dispose();
        _logFile.Dispose();
    }

    private void Open(string name)
    {
        if (_data.Length == 0 && _logFile.Length == 0)
        {
            _log.Begin(1, 0);
            _logFile.Sync();
            return;
        }
        // Made by an earlier program, and closed by it: such a one has never counted its checkpoints.
        if (_logFile.Length == 0 && _data.Length >= LiteLog.PageBytes && UserVersion() == 0)
        {
            _log.Begin(1, _data.Length);
            _logFile.Sync();
            return;
        }
        if (_logFile.Length == 0) throw Corrupt($"The log of {name} is missing or empty, and with it what was stored last");
        if (_log.Read() is { } problem) throw Corrupt($"The log of {name} cannot be read: {problem}");
        if (_data.Length < _log.DatabaseBytes)
            throw Corrupt($"{name} is cut: it has {_data.Length:N0} bytes and had {_log.DatabaseBytes:N0}");
        // The very first page is written before any log: a process that died there has acknowledged nothing.
        if (_data.Length < LiteLog.PageBytes && _log.Pages > 0) throw Corrupt($"{name} is missing or empty, and its log is not");
        if (_data.Length >= LiteLog.PageBytes && UserVersion() is var checkpoint && checkpoint != _log.Generation
            && checkpoint != _log.Generation - 1)
            throw Corrupt($"{name} and its log do not belong together: one is at checkpoint {checkpoint}, the other follows checkpoint "
                + $"{_log.Generation - 1}");
        _log.CutTo(_log.Pages);
    }

    private int UserVersion() => Number(UserVersionOffset);

    private int Number(long offset)
    {
        Span<byte> number = stackalloc byte[sizeof(int)];
        _data.Read(offset, number);
        return BinaryPrimitives.ReadInt32LittleEndian(number);
    }

    private static StoreException Corrupt(string what)
        => new(StoreFailure.Corrupt, $"{what}. Restore the whole data folder from one backup; nothing was changed.");

    private void WriteData(long position, ReadOnlySpan<byte> bytes)
    {
        Sync();
        try
        {
            ThrowIfFailed();
            _data.Write(position, bytes);
        }
        catch (Exception e)
        {
            _failure ??= e;
            throw;
        }
    }

    /// <summary>
    /// Takes a page of a commit, and never throws: LiteDB marks pages as stored before it writes them, and a transaction that an
    /// exception leaves in that state ends the whole process when the garbage collector comes to it. <see cref="Sync"/> throws instead,
    /// before anybody is answered.
    /// </summary>
    private void AppendLog(long position, ReadOnlySpan<byte> page)
    {
        if (_failure is not null) return;
        try
        {
            _log.Append(position, page);
        }
        catch (Exception e)
        {
            _failure = e;
        }
    }

    private void SetLogLength(long length)
    {
        if (length != 0)
        {
            Guard(() => _log.CutTo(length / LiteLog.PageBytes));
            return;
        }
        Guard(() =>
        {
            _data.Sync();
            _log.Begin(_log.Generation + 1, _data.Length);
            _logFile.Sync();
        });
    }

    private void Guard(Action action)
    {
        try
        {
            ThrowIfFailed();
            action();
        }
        catch (Exception e)
        {
            _failure ??= e;
            throw;
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null) throw new IOException($"An earlier write failed: {_failure.Message}", _failure);
    }
}
