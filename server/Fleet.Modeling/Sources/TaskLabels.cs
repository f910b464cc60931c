using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Sources;

/// <summary>Labels of the samples that judge a model of one's own, in the form of its task.</summary>
internal static class TaskLabels
{
    /// <summary>Most bytes that a file of labels may unpack to.</summary>
    private const long MaximumBytes = 1L << 30;

    /// <summary>The arrays of labels by name; none when there are none.</summary>
    /// <param name="source">Where they are.</param>
    /// <param name="task">What they are for.</param>
    /// <param name="classes">Class numbers, where they were read already.</param>
    /// <param name="samples">How many samples there are.</param>
    /// <exception cref="InvalidDataException">They do not have the form of the task.</exception>
    public static IReadOnlyDictionary<string, NpyArray> Of(SourceSpec source, ModelTask task, long[]? classes, int samples)
    {
        if (classes is not null)
            return new Dictionary<string, NpyArray> { [ClassificationTask.LabelsName] = NpyArray.Of(classes, classes.Length) };
        if (task == ModelTask.Classification) return new Dictionary<string, NpyArray>();
        var path = source.ValidationLabels ?? source.Validation;
        if (!File.Exists(path))
            return source.ValidationLabels is null
                ? new Dictionary<string, NpyArray>()
                : throw new InvalidDataException($"{path} does not exist.");
        try
        {
            var labels = Read(path, alone: source.ValidationLabels is not null)
                .Where(array => TaskDefinition.Of(task).Labels.Any(label => label.Name == array.Key)).ToDictionary();
            _ = SampleTruth.Read(task, labels, samples);
            return labels;
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{Path.GetFileName(path)}: {e.Message}", e);
        }
    }

    private static IReadOnlyDictionary<string, NpyArray> Read(string path, bool alone)
    {
        if (Path.GetExtension(path) != ".npz")
            return alone
                ? new Dictionary<string, NpyArray> { [RegressionTask.LabelsName] = NpyArray.Parse(File.ReadAllBytes(path)) }
                : new Dictionary<string, NpyArray>();
        using var file = File.OpenRead(path);
        return NpzArchive.Read(file, MaximumBytes);
    }
}
