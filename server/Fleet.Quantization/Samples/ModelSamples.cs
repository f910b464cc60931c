using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Platform;
using Fleet.Quantization.Media;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>Samples as a person gives them: a file, a folder, or the word <c>synthetic</c>.</summary>
/// <param name="Feeds">The samples.</param>
/// <param name="Truth">What is known of them: the task, and labels where there are some.</param>
/// <param name="Labels">The arrays of labels by name; none where nothing says.</param>
/// <param name="Source">What was given, for reports.</param>
internal sealed record ModelSamples(
    IFeedSource Feeds, SampleTruth Truth, IReadOnlyDictionary<string, NpyArray> Labels, string Source)
{
    /// <summary>What is taken, for the help of commands.</summary>
    public const string Forms =
        "npz (arrays by input name, and 'labels') or npy whose first axis counts samples, a folder of such files or of PNG, JPEG, PGM, PPM "
            + "or WAV (a folder in it for each class gives labels), or 'synthetic'";

    /// <summary>How pictures and sound became samples, each part; null for arrays.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>Names of arrays that were not read.</summary>
    public IReadOnlyList<string>? Unread { get; init; }

    /// <summary>Samples made up when there are none.</summary>
    private const int SyntheticSamples = 32;

    /// <summary>Reads samples for a model with <paramref name="inputs"/>.</summary>
    /// <param name="data">What was given.</param>
    /// <param name="inputs">What the model takes.</param>
    /// <param name="state">What of it carries from sample to sample.</param>
    /// <param name="seed">Of samples that are made up.</param>
    /// <param name="labelsPath">A file of labels that stands above labels in the data; null for none.</param>
    /// <param name="shapes">Of samples that are made up; null for the usual ones.</param>
    /// <param name="task">What the model does, which says the form of the labels; absent, labels are classes, and without them nothing
    /// is known.</param>
    /// <param name="files">How pictures and sound become inputs, and the names of classes, where someone said.</param>
    /// <exception cref="InvalidDataException">There are none, or they do not fit; the message says which and how.</exception>
    public static ModelSamples Read(
        string data, IReadOnlyList<ModelInput> inputs, ModelState state, int seed, string? labelsPath = null,
        SyntheticShapes? shapes = null, ModelTask? task = null, SourceSpec? files = null)
    {
        foreach (var file in (string?[])[data, labelsPath])
        {
            if (file is not null && !RegularFile.Is(file)) throw new InvalidDataException($"{file} {RegularFile.Refusal}");
        }
        var (feeds, classes) = data == SampleSource.Synthetic
            ? (new SyntheticFeeds(inputs, SyntheticSamples, seed, state, shapes), null)
            : InFiles(data, inputs, state, task ?? ModelTask.Classification, files);
        IReadOnlyDictionary<string, NpyArray> labels;
        if (task is null or ModelTask.Classification)
        {
            if (labelsPath is not null) classes = LabelsIn(labelsPath, feeds.Count);
            labels = classes is null
                ? new Dictionary<string, NpyArray>()
                : new Dictionary<string, NpyArray> { [ClassificationTask.LabelsName] = NpyArray.Of([.. classes], classes.Count) };
        }
        else labels = TaskLabels.Read(task.Value, data, labelsPath, feeds.Count);
        var truth = SampleTruth.Read(task ?? (labels.Count > 0 ? ModelTask.Classification : ModelTask.Outputs), labels, feeds.Count);
        var folder = feeds as FolderFeeds;
        return new ModelSamples(folder is null ? feeds : new KeptFeeds(folder), truth, labels, data)
        {
            Preprocessing = folder?.Preprocessing,
            Unread = feeds is ArrayFeeds { Unread: { Count: > 0 } unread } ? unread : null,
        };
    }

    /// <summary>Refuses a word on how pictures and sound become inputs where none of the samples are of that kind.</summary>
    /// <param name="asked">What was asked for.</param>
    /// <param name="read">The samples.</param>
    /// <exception cref="InvalidDataException">Nothing would heed it.</exception>
    public static void RefuseUnheeded(Preprocessing? asked, params IEnumerable<ModelSamples> read)
    {
        if (asked is null || read.Any(samples => samples.Preprocessing is not null)) return;
        var sources = string.Join(" and ", read.Select(samples => samples.Source).Distinct());
        throw new InvalidDataException("--preprocess (in a build spec source.preprocessing) says how pictures and sound become inputs, and "
            + $"there are none in {sources}: leave it out, or give files of them.");
    }

    private static (IFeedSource Feeds, IReadOnlyList<long>? Classes) InFiles(
        string data, IReadOnlyList<ModelInput> inputs, ModelState state, ModelTask task, SourceSpec? files)
    {
        if (Directory.Exists(data) || (File.Exists(data) && (MediaFiles.IsPicture(data) || MediaFiles.IsSound(data))))
        {
            if (files?.Preprocessing is { } asked && BuildSpecRules.ProblemsOf(asked) is { Count: > 0 } problems)
                throw new InvalidDataException(string.Join(' ', problems));
            var folder = FolderFeeds.Read(data, inputs, state, files?.Preprocessing, files?.Classes);
            return (folder, task == ModelTask.Classification ? folder.Labels : null);
        }
        if (!File.Exists(data)) throw new InvalidDataException($"{data} does not exist.");
        if (MediaFiles.RemedyFor(data) is { } remedy) throw new InvalidDataException($"{Path.GetFileName(data)}: {remedy}");
        var arrays = ArrayFeeds.Read(data, inputs, state, task);
        return (arrays, arrays.Labels);
    }

    private static long[] LabelsIn(string path, int samples)
    {
        if (!File.Exists(path)) throw new InvalidDataException($"{path} does not exist.");
        try
        {
            var array = NpyArray.Parse(File.ReadAllBytes(path));
            return array.Length == samples
                ? LabelChecks.Of(array, Path.GetFileName(path))
                : throw new InvalidDataException($"{Path.GetFileName(path)} holds {array.Length} labels for {samples} samples.");
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{Path.GetFileName(path)}: {e.Message}", e);
        }
    }
}
