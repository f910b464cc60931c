using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Platform;

namespace Fleet.Agent.Bundles;

/// <summary>
/// Bundles that wait to be installed, and the answers. A bundle appears under its name in one step and is removed once its answer is on
/// disk, so that whatever ends in between is done again by the next agent.
/// </summary>
internal sealed class BundleFolder(DataFolder folder)
{
    private const string Bundle = ".tar";
    private const string Answer = ".answer";

    /// <summary>Puts a copy of a file there.</summary>
    /// <returns>Its name, by which the answer is found.</returns>
    public async Task<string> PutAsync(string file, CancellationToken cancellationToken)
    {
        var name = Guid.NewGuid().ToString("N");
        var (partial, path) = (PathOf(name) + ".part", PathOf(name));
        try
        {
            await using (var target = OwnerOnly.CreateFile(partial))
            {
                await using var source = File.OpenRead(file);
                await source.CopyToAsync(target, cancellationToken);
                target.Flush(flushToDisk: true);
            }
            DurableFile.MoveIntoPlace(partial, path);
        }
        finally
        {
            File.Delete(partial);
        }
        return name;
    }

    /// <summary>Bundles that wait, by path, in the order in which they came.</summary>
    public IReadOnlyList<string> Waiting()
        => [
            .. new DirectoryInfo(folder.Bundles).EnumerateFiles("*" + Bundle).OrderBy(file => file.LastWriteTimeUtc)
                .ThenBy(file => file.Name, StringComparer.Ordinal).Select(file => file.FullName),
        ];

    /// <summary>Says what became of a bundle, and removes it.</summary>
    public static void Reply(string path, InstallAnswer answer)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(answer, BundlesJson.Default.InstallAnswer);
        DurableFile.Write(Path.ChangeExtension(path, Answer), content);
        File.Delete(path);
    }

    /// <summary>The answer to a bundle, which is taken; null while there is none.</summary>
    public InstallAnswer? Take(string name)
    {
        var path = Path.ChangeExtension(PathOf(name), Answer);
        if (DurableFile.Read(path) is not { } content) return null;
        File.Delete(path);
        return JsonSerializer.Deserialize(content, BundlesJson.Default.InstallAnswer);
    }

    /// <summary>Removes what nobody asked for any more: answers, and copies that were cut short.</summary>
    public void Tidy(DateTimeOffset before)
    {
        foreach (var file in new DirectoryInfo(folder.Bundles).EnumerateFiles())
        {
            if (file.Extension != Bundle && file.LastWriteTimeUtc < before) file.Delete();
        }
    }

    private string PathOf(string name) => Path.Combine(folder.Bundles, name + Bundle);
}
