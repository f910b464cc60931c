namespace Fleet.Server.Storage;

/// <summary>Where the embedded store is, and what it leaves free.</summary>
internal sealed record LiteStoreSettings
{
    /// <summary>The database file; its log is beside it.</summary>
    public required string Path { get; init; }

    /// <summary>Bytes that stay free on its disk; 0 keeps none.</summary>
    public long FreeSpaceReserve { get; init; }

    /// <summary>Pages after which the log is carried over into the database: 32 MiB.</summary>
    public int CheckpointPages { get; init; } = 4096;

    /// <summary>Opens one of its files. Tests put a disk in between that fails.</summary>
    public Func<string, IDiskFile> OpenFile { get; init; } = path => new DiskFile(path);
}
