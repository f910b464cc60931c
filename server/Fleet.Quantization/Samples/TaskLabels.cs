using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Quantization.Samples;

/// <summary>Labels of samples in a file, in the form of their task.</summary>
internal static class TaskLabels
{
    /// <summary>Most bytes that a file of labels may unpack to.</summary>
    private const long MaximumBytes = 1L << 30;

    /// <summary>The arrays of labels by name; none when there are none.</summary>
    /// <param name="task">What they are for.</param>
    /// <param name="data">What the samples came from.</param>
    /// <param name="labelsPath">A file of labels alone, which stands above those beside the samples; null for none.</param>
    /// <param name="samples">How many samples there are.</param>
    /// <exception cref="InvalidDataException">They do not have the form of the task.</exception>
    public static IReadOnlyDictionary<string, NpyArray> Read(ModelTask task, string data, string? labelsPath, int samples)
    {
        var path = labelsPath ?? data;
        if (!File.Exists(path))
            return labelsPath is null ? new Dictionary<string, NpyArray>() : throw new InvalidDataException($"{path} does not exist.");
        try
        {
            var labels = Arrays(path, alone: labelsPath is not null)
                .Where(array => TaskDefinition.Of(task).Labels.Any(label => label.Name == array.Key)).ToDictionary();
            _ = SampleTruth.Read(task, labels, samples);
            return labels;
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{Path.GetFileName(path)}: {e.Message}", e);
        }
    }

    private static IReadOnlyDictionary<string, NpyArray> Arrays(string path, bool alone)
    {
        if (Path.GetExtension(path) != ".npz")
            return alone
                ? new Dictionary<string, NpyArray> { [RegressionTask.LabelsName] = NpyArray.Parse(File.ReadAllBytes(path)) }
                : new Dictionary<string, NpyArray>();
        using var file = File.OpenRead(path);
        return NpzArchive.Read(file, MaximumBytes);
    }
}
