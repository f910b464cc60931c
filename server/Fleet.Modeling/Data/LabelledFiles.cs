using System.Text;
using Fleet.Quantization.Media;

namespace Fleet.Modeling.Data;

/// <summary>A picture or sound in a file, and what it is labelled with.</summary>
internal sealed record LabelledFile(string Path, string Label);

/// <summary>
/// The labelled files of a data set: a folder that has one for each class, a folder of files whose names begin with their label
/// (<c>7_theo_12.wav</c>), or a CSV file that names them.
/// </summary>
internal static class LabelledFiles
{
    /// <summary>Most files that are read.</summary>
    private const int MaximumFiles = 1_000_000;

    /// <summary>How the column of a manifest is called that names files.</summary>
    private static readonly HashSet<string> FileColumns = new(StringComparer.OrdinalIgnoreCase)
    {
        "file", "filename", "file_name", "path", "image", "audio", "wav",
    };

    private static readonly EnumerationOptions Deep = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.Hidden };

    /// <summary>Every file with its label, pictures or sound alone.</summary>
    /// <param name="path">A folder, or a manifest.</param>
    /// <param name="labelColumn">Column of the labels of a manifest; null for <c>label</c>.</param>
    /// <param name="labelled">False: all files, whatever they lie in and are called; their labels are empty.</param>
    /// <exception cref="BuildException">There are none, or what they are labelled with cannot be told.</exception>
    public static IReadOnlyList<LabelledFile> Of(string path, string? labelColumn, bool labelled = true)
    {
        if (!Directory.Exists(path) && (MediaFiles.IsPicture(path) || MediaFiles.IsSound(path)))
            throw new BuildException($"{path} is one file, without a label: name the folder that has a folder for each class.");
        IReadOnlyList<LabelledFile> files;
        try
        {
            files = !Directory.Exists(path) ? InManifest(path, labelColumn, labelled)
                : labelled ? InFolder(path) : [.. Samples(path, Deep).Select(file => new LabelledFile(file, ""))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DataFiles.Unreadable(path, e);
        }
        if (files.Count == 0)
            throw new BuildException(
                $"{path} holds no samples: {MediaFiles.Forms} are read{(labelled ? ", a folder for each class" : "")}.");
        if (files.Count > MaximumFiles)
            throw new BuildException($"{path} holds {files.Count:N0} files; {MaximumFiles:N0} are read. Give them as an npz file.");
        return files.FirstOrDefault(file => MediaFiles.IsPicture(file.Path) != MediaFiles.IsPicture(files[0].Path)) is { } other
            ? throw new BuildException(
                $"{files[0].Path} and {other.Path} are a picture and sound; samples are one or the other: put each kind into a folder of "
                    + "its own.")
            : files;
    }

    /// <summary>True for a table whose first column of files names one that is there.</summary>
    public static bool IsManifest(string path)
    {
        try
        {
            using var reader = new StreamReader(path, Encoding.UTF8);
            IReadOnlyList<string>[] first = [.. CsvReader.Read(reader).Take(2).Select(record => record.Fields)];
            return first.Length == 2 && PlaceOfFiles(first[0]) is >= 0 and var place && place < first[1].Count
                && File.Exists(Path.Combine(Path.GetDirectoryName(path)!, first[1][place].Trim()));
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static IReadOnlyList<LabelledFile> InFolder(string folder)
    {
        string[] classes = [.. Directory.EnumerateDirectories(folder).Where(IsSeen).Order(StringComparer.Ordinal)];
        string[] loose = [.. Samples(folder, new EnumerationOptions { AttributesToSkip = FileAttributes.Hidden })];
        if (loose.Length == 0)
            return [.. classes.SelectMany(one => Samples(one, Deep).Select(file => new LabelledFile(file, Path.GetFileName(one))))];
        if (classes.SelectMany(one => Samples(one, Deep)).Any())
            throw new BuildException(
                $"{folder} holds samples and folders of samples side by side ({Path.GetFileName(loose[0])}, "
                    + $"{Path.GetFileName(classes[0])}); put the samples of each class into a folder of its own.");
        var unnamed = Array.Find(loose, file => Path.GetFileName(file).IndexOf('_', StringComparison.Ordinal) < 1);
        return unnamed is null
            ? [.. loose.Select(file => new LabelledFile(file, Path.GetFileName(file).Split('_')[0]))]
            : throw new BuildException(
                $"What {unnamed} is labelled with cannot be told: put the samples of each class into a folder of its own, let names begin "
                    + "with the label and '_', or name a CSV file with the columns file and label in data.train.");
    }

    private static List<LabelledFile> InManifest(string path, string? labelColumn, bool labelled)
    {
        using var reader = new StreamReader(new MemoryStream(DataFiles.Read(path)), Encoding.UTF8);
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var (file, label) = (-1, -1);
        var files = new List<LabelledFile>();
        try
        {
            foreach (var (line, fields) in CsvReader.Read(reader))
            {
                if (file < 0)
                {
                    var header = string.Join(", ", fields.Select(field => field.Trim()));
                    file = PlaceOfFiles(fields) is >= 0 and var place ? place
                        : throw new FormatException($"it has no column of files; name it 'file'. Its columns are {header}");
                    label = !labelled ? file
                        : fields.Select(field => field.Trim()).ToList().IndexOf(labelColumn ?? "label") is >= 0 and var found ? found
                        : throw new FormatException($"it has no column '{labelColumn ?? "label"}' (data.labelColumn); its columns are "
                            + header);
                    continue;
                }
                if (fields.Count <= Math.Max(file, label) || fields[file].Trim().Length == 0 || fields[label].Trim().Length == 0)
                    throw new FormatException($"line {line} does not name a file and its label; add them or remove the line");
                var named = Path.GetFullPath(fields[file].Trim(), folder);
                if (!File.Exists(named)) throw new FormatException($"line {line} names {named}, which does not exist");
                if (!MediaFiles.IsPicture(named) && !MediaFiles.IsSound(named))
                    throw new FormatException($"line {line} names {named}; "
                        + (MediaFiles.RemedyFor(named)?.TrimEnd('.') ?? $"{MediaFiles.Forms} are read"));
                files.Add(new LabelledFile(named, labelled ? fields[label].Trim() : ""));
            }
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
        return files;
    }

    private static int PlaceOfFiles(IReadOnlyList<string> header)
        => header.ToList().FindIndex(column => FileColumns.Contains(column.Trim('\ufeff', ' ')));

    private static IEnumerable<string> Samples(string folder, EnumerationOptions how)
    {
        foreach (var file in Directory.EnumerateFiles(folder, "*", how).Order(StringComparer.Ordinal))
        {
            if (MediaFiles.RemedyFor(file) is { } remedy) throw new BuildException($"{file}: {remedy}");
            if (MediaFiles.IsPicture(file) || MediaFiles.IsSound(file)) yield return file;
        }
    }

    // What a file manager or an editor leaves behind begins with a dot.
    private static bool IsSeen(string path) => !Path.GetFileName(path).StartsWith('.');
}
