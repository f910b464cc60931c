using Fleet.TestKit;

namespace Fleet.Agent.Tests.Fixtures;

/// <summary>A real file system of a few MiB in memory, which needs root.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Path => _folder.Path;

    private string Ballast => System.IO.Path.Combine(Path, "ballast");

    public static async Task<SmallDisk> MountAsync(int mebibytes)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Mounting a small disk needs root.");
        var disk = new SmallDisk();
        var mount = await ChildProcess.RunAsync(
            "mount", ["-t", "tmpfs", "-o", $"size={mebibytes}m", "tmpfs", disk.Path], TimeSpan.FromSeconds(20));
        Assert.SkipUnless(mount.Code == 0, $"No small disk can be mounted here: {mount.Output}");
        return disk;
    }

    /// <summary>Takes every byte there is.</summary>
    public void Fill()
    {
        using var ballast = new FileStream(Ballast, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var block in (int[])[1 << 16, 1 << 12, 1])
        {
            try
            {
                while (true) ballast.Write(new byte[block]);
            }
            catch (IOException)
            {
                // Full, for blocks of this size.
            }
        }
    }

    /// <summary>Leaves so many bytes of a full disk.</summary>
    public void Leave(int bytes)
    {
        Fill();
        using var ballast = new FileStream(Ballast, FileMode.Open, FileAccess.Write);
        ballast.SetLength(ballast.Length - bytes);
    }

    /// <summary>Gives it back.</summary>
    public void MakeSpace() => File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        await ChildProcess.RunAsync("umount", ["-l", Path], TimeSpan.FromSeconds(20));
        _folder.Dispose();
    }
}
