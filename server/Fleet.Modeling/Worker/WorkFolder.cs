namespace Fleet.Modeling.Worker;

/// <summary>
/// The data folder of one worker: a folder for the build in hand, gone when the build is. What a worker that was killed left
/// is removed at start.
/// </summary>
internal sealed class WorkFolder : IDisposable
{
    private readonly string _builds;
    private readonly FileStream _lock;

    /// <exception cref="IOException">Another worker has the folder.</exception>
    public WorkFolder(string path)
    {
        Directory.CreateDirectory(path);
        var lockPath = Path.Combine(path, "worker.lock");
        try
        {
            _lock = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"Another worker uses {path} (it holds {lockPath}); give each worker its own --data.", e);
        }
        _builds = Path.Combine(path, "builds");
        if (Directory.Exists(_builds)) Directory.Delete(_builds, recursive: true);
    }

    /// <summary>A new folder for a build, deleted when disposed.</summary>
    public BuildFolder Open(string build)
    {
        var path = Path.Combine(_builds, build);
        // The same build may be leased again after its lease lapsed: it starts from nothing.
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        Directory.CreateDirectory(path);
        return new BuildFolder(path);
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();
}

/// <summary>The folder of one build.</summary>
internal sealed class BuildFolder(string path) : IDisposable
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = path;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }
}
