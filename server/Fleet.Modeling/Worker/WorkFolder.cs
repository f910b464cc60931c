using Fleet.Platform;

namespace Fleet.Modeling.Worker;

/// <summary>
/// The data folder of one worker: a folder for the build in hand, gone when the build has an end. What a worker that was
/// stopped or killed left stays until the next lease: of the same build, and it goes on from there; of another, and it is removed.
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
        _lock = ClaimedFile.TryOpen(lockPath)
            ?? throw new IOException($"Another worker uses {path} (it holds {lockPath}); give each worker its own --data.");
        _builds = Path.Combine(path, "builds");
    }

    /// <summary>The folder of a build, with what is left in it; folders of other builds are removed.</summary>
    public BuildFolder Open(string build)
    {
        var path = Path.Combine(_builds, build);
        Directory.CreateDirectory(path);
        foreach (var other in Directory.GetDirectories(_builds).Where(other => other != path)) Directory.Delete(other, recursive: true);
        return new BuildFolder(path);
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();
}

/// <summary>The folder of one build.</summary>
internal sealed class BuildFolder(string path)
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = path;

    /// <summary>Removes it: the build has an end, good or bad, and nobody will go on with it.</summary>
    public void Delete()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }
}
