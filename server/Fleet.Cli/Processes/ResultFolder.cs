using System.Globalization;
using Fleet.Cli.Client;

namespace Fleet.Cli.Processes;

/// <summary>
/// A folder for results that is filled beside its place and moved there when all of it is ready: a run that fails, is stopped or is
/// killed leaves the place as it was.
/// </summary>
internal sealed class ResultFolder : IDisposable
{
    private readonly string _target;
    private readonly string[] _made;
    private bool _placed;

    private ResultFolder(string target, string partial, string[] made) => (_target, Partial, _made) = (target, partial, made);

    /// <summary>Where results are written until <see cref="Place"/>.</summary>
    public string Partial { get; }

    /// <summary>Begins a folder of results at <paramref name="path"/>; what killed runs for the same place left is removed.</summary>
    /// <exception cref="FleetException">Nothing can be written there.</exception>
    public static ResultFolder At(string path)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(target)) throw new FleetException($"{target} is a file; name a folder for the results.");
        var parent = Path.GetDirectoryName(target) ?? throw new FleetException($"{target} cannot take results; name a folder below it.");
        RemoveOrphans(parent, target);
        string[] made = [.. MissingFolders(parent)];
        var name = string.Create(CultureInfo.InvariantCulture, $".{Path.GetFileName(target)}.{Environment.ProcessId}.partial");
        var results = new ResultFolder(target, Path.Combine(parent, name), made);
        try
        {
            // Now, not after the work.
            Directory.CreateDirectory(results.Partial);
            return results;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            results.Dispose();
            var last = made.Length > 0 ? Path.GetDirectoryName(made[^1])! : parent;
            throw new FleetException(File.Exists(last) || made.Any(File.Exists)
                ? $"{made.FirstOrDefault(File.Exists) ?? last} is a file; name a folder for the results."
                : $"{target} cannot take results ({e.Message.TrimEnd('.')}); name another folder.");
        }
    }

    /// <summary>Refuses results that would take the place of what they are made of.</summary>
    /// <param name="path">The folder of results.</param>
    /// <param name="isResult">Whether a file of such a name is one of them.</param>
    /// <param name="inputs">What is read; a folder or a word that names no file is none of them.</param>
    /// <exception cref="FleetException">One lies where a result may go.</exception>
    public static void Spare(string path, Func<string, bool> isResult, params IEnumerable<string?> inputs)
    {
        var folder = Real(path);
        if (inputs.OfType<string>().Where(File.Exists).FirstOrDefault(input
            => Path.GetDirectoryName(Real(input)) == folder && isResult(Path.GetFileName(Real(input)))) is { } taken)
            throw new FleetException(
                $"{taken} has a name that results have, and would be lost: name another folder with --out, or give the file another name.");
    }

    /// <summary>Moves what was written to its place; each file at once.</summary>
    public void Place()
    {
        _placed = true;
        if (!Directory.Exists(_target))
        {
            Directory.Move(Partial, _target);
            return;
        }
        foreach (var file in Directory.EnumerateFiles(Partial, "*", SearchOption.AllDirectories))
        {
            var place = Path.Combine(_target, Path.GetRelativePath(Partial, file));
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            File.Move(file, place, overwrite: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Partial)) Directory.Delete(Partial, recursive: true);
        if (_placed) return;
        foreach (var folder in _made.Where(IsEmpty)) Directory.Delete(folder);
    }

    /// <summary>The whole path without links, as far as it exists.</summary>
    private static string Real(string path)
    {
        var whole = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Path.GetDirectoryName(whole) is not { } parent ? whole
            : new FileInfo(Path.Combine(Real(parent), Path.GetFileName(whole))) is { LinkTarget: not null } link
                && link.ResolveLinkTarget(returnFinalTarget: true) is { } target ? Real(target.FullName)
            : Path.Combine(Real(parent), Path.GetFileName(whole));
    }

    private static bool IsEmpty(string folder) => Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any();

    private static void RemoveOrphans(string parent, string target)
    {
        if (!Directory.Exists(parent)) return;
        foreach (var folder in Directory.EnumerateDirectories(parent, $".{Path.GetFileName(target)}.*.partial"))
        {
            var starter = int.TryParse(folder.Split('.')[^2], out var process) ? process : 0;
            if (starter > 0 && !Directory.Exists($"/proc/{starter}")) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The folders on the way to <paramref name="folder"/> that do not exist yet, innermost first.</summary>
    private static IEnumerable<string> MissingFolders(string folder)
    {
        for (var at = folder; at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at)) yield return at;
    }
}
