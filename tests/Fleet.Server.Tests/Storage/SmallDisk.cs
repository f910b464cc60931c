using System.Diagnostics;
using Fleet.Platform;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Storage;

/// <summary>A real file system of its own (ext4 in a file, or memory) that a test may fill to the last byte. Needs root.</summary>
internal sealed class SmallDisk : IDisposable
{
    private const long Bytes = 48 << 20;

    private readonly TemporaryFolder _folder = new();

    private SmallDisk() => Directory.CreateDirectory(Path);

    /// <summary>Where it is mounted.</summary>
    public string Path => _folder["disk"];

    public long Free => DiskSpace.FreeBytes(Path);

    /// <summary>Mounts one, or skips the test with the reason.</summary>
    public static SmallDisk Mount()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "Mounting a small file system needs Linux and root.");
        var disk = new SmallDisk();
        try
        {
            // A disk with a journal where loop devices are allowed; memory runs out of space just as well.
            if (disk.TryMountFile() || TryRun("mount", "-t", "tmpfs", "-o", $"size={Bytes}", "tmpfs", disk.Path)) return disk;
        }
        catch
        {
            disk._folder.Dispose();
            throw;
        }
        disk._folder.Dispose();
        Assert.Skip("Neither a loop device nor a tmpfs may be mounted here.");
        return disk;
    }

    /// <summary>Fills it until <paramref name="left"/> bytes are free.</summary>
    public void Fill(long left = 0)
    {
        using var filler = new FileStream(System.IO.Path.Combine(Path, "filler"), FileMode.Append);
        var block = new byte[256 * 1024];
        try
        {
            for (var more = Free - left; more > 0; more = Math.Min(more - block.Length, Free - left))
            {
                filler.Write(block, 0, (int)Math.Min(block.Length, more));
                filler.Flush(flushToDisk: true);
            }
        }
        catch (IOException e) when (DiskSpace.IsFull(e))
        {
            // That was the aim.
        }
    }

    /// <summary>Takes away what <see cref="Fill"/> wrote.</summary>
    public void MakeSpace() => File.Delete(System.IO.Path.Combine(Path, "filler"));

    public void Dispose()
    {
        TryRun("umount", Path);
        _folder.Dispose();
    }

    private bool TryMountFile()
    {
        var image = _folder["image"];
        using (var file = new FileStream(image, FileMode.CreateNew)) file.SetLength(Bytes);
        // No blocks are kept for root: the test is root, and shall meet the end of the disk.
        return TryRun("mkfs.ext4", "-q", "-m", "0", "-F", image) && TryRun("mount", "-o", "loop", image, Path);
    }

    private static bool TryRun(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
