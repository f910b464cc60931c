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
        var parent = Path.GetDirectoryName(target) ?? throw new FleetException($"{target} cannot take results; name a folder below it.");
        string[] made = [.. MissingFolders(parent)];
        if (made.Prepend(target).FirstOrDefault(File.Exists) is { } file)
            throw new FleetException($"{file} is a file; name a folder for the results.");
        RemoveOrphans(parent, target);
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
            throw new FleetException($"{target} cannot take results ({e.Message.TrimEnd('.')}); name another folder.", e);
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
        bool IsTaken(string real) => Path.GetDirectoryName(real) == folder && isResult(Path.GetFileName(real));
        if (inputs.OfType<string>().FirstOrDefault(input => File.Exists(input) && IsTaken(Real(input))) is { } taken)
            throw new FleetException(
                $"{taken} has a name that results have, and would be lost: name another folder with --out, or give the file another name.");
    }

    /// <summary>Moves what was written to its place, each file at once, and returns the paths of the files from there.</summary>
    public IReadOnlyList<string> Place()
    {
        string[] files = [
            .. Directory.EnumerateFiles(Partial, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Partial, file)),
        ];
        _placed = true;
        if (!Directory.Exists(_target))
        {
            Directory.Move(Partial, _target);
            return files;
        }
        foreach (var file in files)
        {
            var place = Path.Combine(_target, file);
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            File.Move(Path.Combine(Partial, file), place, overwrite: true);
        }
        return files;
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
        if (Path.GetDirectoryName(whole) is not { } parent) return whole;
        var file = new FileInfo(Path.Combine(Real(parent), Path.GetFileName(whole)));
        return file.LinkTarget is null ? file.FullName : Real(file.ResolveLinkTarget(returnFinalTarget: true)!.FullName);
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
