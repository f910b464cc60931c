using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Platform;
using Fleet.Quantization.Media;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Samples from the files of a folder, one file in memory at a time. Where the folder holds nothing but folders, each is a class. State
/// that a model carries begins anew with each file.
/// </summary>
internal sealed class FolderFeeds : IFeedSource
{
    /// <summary>Most files that are read.</summary>
    public const int MaximumFiles = 100_000;

    private readonly IReadOnlyList<string> _files;
    private readonly Func<string, ArrayFeeds> _read;
    private readonly MediaReader _media;

    private FolderFeeds(IReadOnlyList<string> files, Func<string, ArrayFeeds> read, MediaReader media,
        IReadOnlyList<int> sources, IReadOnlyList<long>? labels)
        => (_files, _read, _media, Sources, Labels) = (files, read, media, sources, labels);

    /// <inheritdoc/>
    public int Count => Sources.Count;

    /// <inheritdoc/>
    public IReadOnlyList<int> Sources { get; }

    /// <summary>Class of each sample; null where neither folders nor files say.</summary>
    public IReadOnlyList<long>? Labels { get; }

    /// <summary>How pictures and sound became samples; null where there are none.</summary>
    public Preprocessing? Preprocessing => _media.Used;

    /// <summary>
    /// Looks through the folder. Every file is read once, so that one that does not fit is found before anything is made.
    /// </summary>
    /// <param name="folder">It, or one file with pictures or sound.</param>
    /// <param name="inputs">What the model takes.</param>
    /// <param name="state">What of it carries from sample to sample.</param>
    /// <param name="preprocessing">How pictures and sound become inputs; null for what follows from the inputs.</param>
    /// <param name="classNames">Names of classes in the order of their numbers; null where nothing says.</param>
    /// <exception cref="InvalidDataException">It holds no samples, or some that do not fit; the message names the file.</exception>
    public static FolderFeeds Read(string folder, IReadOnlyList<ModelInput> inputs, ModelState state, Preprocessing? preprocessing = null,
        IReadOnlyList<string>? classNames = null)
    {
        string[] classes = File.Exists(folder) ? [] : [
            .. Directory.EnumerateDirectories(folder).Where(IsSeen).Order(StringComparer.Ordinal),
        ];
        var files = File.Exists(folder) ? [folder] : FilesIn(folder);
        if (classes.Length > 0 && files.Length > 0)
            throw new InvalidDataException(
                $"{folder} holds samples and folders side by side; put the samples of each class into a folder of its own, or all into "
                    + $"one.");
        var numbers = NumbersOf([.. classes.Select(name => Path.GetFileName(name))], classNames, folder);
        var groups = classes.Length > 0 ? [.. classes.Select(FilesIn)] : new[] { files };
        files = [.. groups.SelectMany(group => group)];
        if (files.Length == 0) throw new InvalidDataException($"{folder} holds no samples; npy, npz, {MediaFiles.Forms} are read.");
        if (files.Length > MaximumFiles)
            throw new InvalidDataException($"{folder} holds {files.Length:N0} files of samples; {MaximumFiles:N0} are read.");

        var media = new MediaReader(inputs, state, preprocessing);
        ArrayFeeds Open(string file) => MediaFiles.IsPicture(file) || MediaFiles.IsSound(file)
            ? media.Read(file) : ArrayFeeds.Read(file, inputs, state);
        var (sources, labels, labelled) = (new List<int>(), new List<long>(), 0);
        var place = 0;
        foreach (var (group, paths) in groups.Index())
        {
            foreach (var file in paths)
            {
                var samples = Open(file);
                sources.AddRange(Enumerable.Repeat(place++, samples.Count));
                if (classes.Length > 0) labels.AddRange(Enumerable.Repeat(numbers[group], samples.Count));
                else if (samples.Labels is { } own) labels.AddRange(own);
                if (classes.Length == 0 && samples.Labels is not null) labelled++;
            }
        }
        if (labelled > 0 && labelled < files.Length)
            throw new InvalidDataException($"{folder}: {labelled} of {files.Length} files have labels; all must, or none.");
        return new FolderFeeds(files, Open, media, sources, labels.Count > 0 ? labels : null);
    }

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize) => _files.SelectMany(file => _read(file).Batches(batchSize));

    /// <summary>
    /// The number of each class folder: its place among the names of classes where those are given, the number that is its name where all
    /// are numbers, else its place in the order of names.
    /// </summary>
    private static long[] NumbersOf(string[] folders, IReadOnlyList<string>? names, string folder)
    {
        if (names is { Count: > 0 } && folders.Length > 0)
        {
            var places = names.Index().DistinctBy(known => known.Item).ToDictionary(known => known.Item, known => (long)known.Index);
            return [
                .. folders.Select(name => places.TryGetValue(name, out var place) ? place
                    : throw new InvalidDataException($"Folder '{name}' in {folder} is not one of the {names.Count} classes; rename it, or "
                        + "name its class.")),
            ];
        }
        long[] numbers = [
            .. folders.Select(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1L),
        ];
        return numbers.All(number => number >= 0) && numbers.Distinct().Count() == numbers.Length
            ? numbers : [.. Enumerable.Range(0, folders.Length).Select(place => (long)place)];
    }

    private static string[] FilesIn(string folder)
    {
        var files = Directory.EnumerateFiles(folder).Where(IsSeen).Order(StringComparer.Ordinal).ToList();
        foreach (var file in files)
        {
            if (MediaFiles.RemedyFor(file) is { } remedy)
                throw new InvalidDataException($"{Path.Combine(Path.GetFileName(folder), Path.GetFileName(file))}: {remedy}");
        }
        string[] samples = [
            .. files.Where(file => Path.GetExtension(file) is ".npy" or ".npz" || MediaFiles.IsPicture(file) || MediaFiles.IsSound(file)),
        ];
        return samples.FirstOrDefault(file => !RegularFile.Is(file)) is { } other
            ? throw new InvalidDataException($"{Path.Combine(Path.GetFileName(folder), Path.GetFileName(other))} {RegularFile.Refusal}")
            : samples;
    }

    // What a file manager or an editor leaves behind begins with a dot.
    private static bool IsSeen(string path) => !Path.GetFileName(path).StartsWith('.');
}
