using System.Diagnostics;
using System.Formats.Tar;
using Fleet.TestKit;

namespace Fleet.Benchmarks.House;

/// <summary>The sources of the repository, as they lie here and as a commit has them.</summary>
internal static class Sources
{
    private static readonly string[] Folders = ["shared", "agent", "server", "tests"];

    /// <summary>What lies in the checkout.</summary>
    public static IReadOnlyList<(string Path, string Text)> Here()
        => [
            .. Folders.SelectMany(folder => Directory.EnumerateFiles(Repository.PathOf(folder), "*", SearchOption.AllDirectories))
                .Select(file => (Path: Path.GetRelativePath(Repository.Root, file), File: file))
                .Where(file => IsSource(file.Path))
                .Select(file => (file.Path, File.ReadAllText(file.File))),
        ];

    /// <summary>What a commit holds, read with <c>git archive</c>.</summary>
    /// <exception cref="InvalidOperationException">The checkout does not have the commit; the message holds git's words.</exception>
    public static async Task<IReadOnlyList<(string Path, string Text)>> AtAsync(string commit, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("git", ["-C", Repository.Root, "archive", "--format=tar", commit, .. Folders])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var git = Process.Start(start)!;
        var complaint = git.StandardError.ReadToEndAsync(cancellationToken);
        using var archive = new MemoryStream();
        await git.StandardOutput.BaseStream.CopyToAsync(archive, cancellationToken);
        await git.WaitForExitAsync(cancellationToken);
        if (git.ExitCode != 0) throw new InvalidOperationException($"git cannot read commit {commit}: {await complaint}");
        archive.Position = 0;
        return await ReadAsync(archive, cancellationToken);
    }

    private static async Task<IReadOnlyList<(string Path, string Text)>> ReadAsync(Stream archive, CancellationToken cancellationToken)
    {
        var files = new List<(string, string)>();
        await using var tar = new TarReader(archive);
        while (await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
        {
            if (entry.DataStream is null || !IsSource(entry.Name)) continue;
            using var reader = new StreamReader(entry.DataStream);
            files.Add((entry.Name, await reader.ReadToEndAsync(cancellationToken)));
        }
        return files;
    }

    private static bool IsSource(string path)
        => Path.GetExtension(path) is ".cs" or ".razor" or ".csproj" && !path.Split('/').Any(part => part is "bin" or "obj");
}
