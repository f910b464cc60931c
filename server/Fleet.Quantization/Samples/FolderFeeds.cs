using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Samples from the files of a folder, one file in memory at a time. Where the folder holds nothing but folders, each is a class:
/// the labels are their places in the order of their names. State that a model carries begins anew with each file.
/// </summary>
internal sealed class FolderFeeds : IFeedSource
{
    /// <summary>Most files that are read.</summary>
    public const int MaximumFiles = 100_000;

    private readonly IReadOnlyList<string> _files;
    private readonly IReadOnlyList<ModelInput> _inputs;
    private readonly ModelState _state;

    private FolderFeeds(IReadOnlyList<string> files, IReadOnlyList<ModelInput> inputs, ModelState state,
        IReadOnlyList<int> sources, IReadOnlyList<long>? labels)
        => (_files, _inputs, _state, Sources, Labels) = (files, inputs, state, sources, labels);

    /// <inheritdoc/>
    public int Count => Sources.Count;

    /// <inheritdoc/>
    public IReadOnlyList<int> Sources { get; }

    /// <summary>Class of each sample; null where neither folders nor files say.</summary>
    public IReadOnlyList<long>? Labels { get; }

    /// <summary>
    /// Looks through the folder. Every file is read once, so that one that does not fit is found before anything is made.
    /// </summary>
    /// <exception cref="InvalidDataException">It holds no samples, or some that do not fit; the message names the file.</exception>
    public static FolderFeeds Read(string folder, IReadOnlyList<ModelInput> inputs, ModelState state)
    {
        string[] classes = [.. Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal)];
        var files = FilesIn(folder);
        if (classes.Length > 0 && files.Length > 0)
            throw new InvalidDataException(
                $"{folder} holds samples and folders side by side; put the samples of each class into a folder of its own, or all into "
                    + $"one.");
        var groups = classes.Length > 0 ? [.. classes.Select(FilesIn)] : new[] { files };
        files = [.. groups.SelectMany(group => group)];
        if (files.Length is 0 or > MaximumFiles)
            throw new InvalidDataException(
                $"{folder} holds {files.Length} samples files (npy, npz, pgm, ppm); 1 to {MaximumFiles} are read.");

        var (sources, labels, labelled) = (new List<int>(), new List<long>(), 0);
        var place = 0;
        foreach (var (label, group) in groups.Index())
        {
            foreach (var file in group)
            {
                var samples = ArrayFeeds.Read(file, inputs, state);
                sources.AddRange(Enumerable.Repeat(place++, samples.Count));
                if (classes.Length > 0) labels.AddRange(Enumerable.Repeat((long)label, samples.Count));
                else if (samples.Labels is { } own) labels.AddRange(own);
                if (classes.Length == 0 && samples.Labels is not null) labelled++;
            }
        }
        if (labelled > 0 && labelled < files.Length)
            throw new InvalidDataException($"{folder}: {labelled} of {files.Length} files have labels; all must, or none.");
        return new FolderFeeds(files, inputs, state, sources, labels.Count > 0 ? labels : null);
    }

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize) => _files.SelectMany(file => ArrayFeeds.Read(file, _inputs, _state).Batches(batchSize));

    private static string[] FilesIn(string folder)
        => [
            .. Directory.EnumerateFiles(folder).Where(file => Path.GetExtension(file) is ".npy" or ".npz" || PortableImage.IsOne(file))
                .Order(StringComparer.Ordinal),
        ];
}
