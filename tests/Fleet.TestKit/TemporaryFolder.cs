namespace Fleet.TestKit;

/// <summary>A folder of its own that is gone with the test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    /// <summary>Makes the folder.</summary>
    public TemporaryFolder() => Path = Directory.CreateTempSubdirectory("fleet-test-").FullName;

    /// <summary>Makes the folder in another one, such as a file system in memory.</summary>
    public TemporaryFolder(string parent)
        => Path = Directory.CreateDirectory(System.IO.Path.Combine(parent, $"fleet-test-{Guid.NewGuid():n}")).FullName;

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>A path inside it.</summary>
    public string this[params ReadOnlySpan<string> parts] => System.IO.Path.Combine([Path, .. parts]);

    /// <inheritdoc/>
    public void Dispose()
    {
        // A process that was killed a moment ago may still be letting go of its files.
        for (var attempt = 0; Directory.Exists(Path) && attempt < 3; attempt++)
        {
            try { Directory.Delete(Path, recursive: true); }
            catch (IOException) when (attempt < 2) { continue; }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Path;
}
