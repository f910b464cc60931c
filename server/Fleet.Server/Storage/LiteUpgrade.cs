using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>Takes over a database whose log LiteDB wrote by itself: the log is carried into the database, and ours begins.</summary>
internal static class LiteUpgrade
{
    /// <summary>Does it where it is needed. A process that dies in the middle does it again.</summary>
    public static void Run(string path)
    {
        var log = LiteFiles.LogOf(path);
        if (new FileInfo(log) is not { Exists: true, Length: > 0 } || LiteLog.Begins(log)) return;
        using (var database = new LiteDatabase(
            new ConnectionString { Filename = path, Connection = ConnectionType.Direct, Collation = Collation.Binary }))
            database.Checkpoint();
        // LiteDB deletes a log that it has emptied; one that it could not carry over is not ours to lose.
        if (File.Exists(log) && new FileInfo(log).Length > 0)
            throw new StoreException(StoreFailure.Corrupt,
                $"The log {log} of an earlier version could not be carried over into {path}. Restore the whole data folder from one "
                    + $"backup; nothing was changed.");
    }
}
