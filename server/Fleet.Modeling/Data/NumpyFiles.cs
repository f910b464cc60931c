using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Modeling.Data;

/// <summary>Samples from NumPy files: npz with inputs and labels in one, npy with one file each.</summary>
internal static class NumpyFiles
{
    private const string Groups = "groups";

    private static readonly string[] LabelNames = ["labels", "label", "y"];

    /// <summary>
    /// Reads an archive that holds <c>labels</c> (or <c>y</c>), with boxes <c>labels.boxes</c> too, and one other array, the inputs. An
    /// array <c>groups</c> says which thing each sample is of.
    /// </summary>
    /// <param name="path">The archive.</param>
    /// <param name="labelled">False: labels need not be in it, and are not looked at.</param>
    public static RawSamples ReadNpz(string path, bool labelled = true)
    {
        IReadOnlyDictionary<string, NpyArray> arrays;
        var words = new Dictionary<string, IReadOnlyList<string>>();
        try
        {
            using var file = File.OpenRead(path);
            arrays = NpzArchive.Read(file, DataFiles.MaximumBytes, words);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DataFiles.Unreadable(path, e);
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}", e);
        }

        var found = arrays.Count + words.Count == 0 ? "nothing" : string.Join(", ", arrays.Keys.Concat(words.Keys));
        var labels = LabelNames.FirstOrDefault(name => arrays.ContainsKey(name) || words.ContainsKey(name));
        if (labels is null && labelled)
            throw new BuildException($"Data file {path} holds {found}; name the array of labels 'labels'.");
        string[] inputs = [.. arrays.Keys.Where(name => name != labels && name != DetectionTask.BoxesName && name != Groups)];
        if (!labelled)
            return inputs is [var only] ? Unlabelled(path, arrays[only])
                : throw new BuildException($"Data file {path} holds {found}; it must hold exactly one array of inputs.");
        return inputs.Length == 1
            ? arrays.ContainsKey(DetectionTask.BoxesName)
                ? WithBoxes(path, arrays[inputs[0]], arrays)
                : Samples(path, arrays[inputs[0]], path,
                    words.TryGetValue(labels!, out var named) ? RawLabels.Of(named) : LabelsOf(path, arrays[labels!]))
                with
                {
                    Origins = words.ContainsKey(Groups)
                        ? throw new BuildException($"Data file {path} has words in '{Groups}'; number the groups.")
                        : OriginsOf(path, arrays, arrays[inputs[0]].Shape[0]),
                }
            : throw new BuildException($"Data file {path} holds {found}; it must hold 'labels' and exactly one array of inputs.");
    }

    /// <summary>Reads inputs and labels from a file each. The inputs may be more than memory holds.</summary>
    /// <param name="path">The inputs.</param>
    /// <param name="labelsPath">The labels; null for none.</param>
    /// <param name="room">Where the inputs are kept; null for memory.</param>
    public static RawSamples ReadNpy(string path, string? labelsPath, SampleRoom? room = null)
    {
        var (shape, values) = ReadInputs(path, room ?? SampleRoom.Memory);
        return labelsPath is null
            ? Samples(path, shape, values, path, RawLabels.None(shape is [var count, ..] ? count : 0))
            : Samples(path, shape, values, labelsPath, LabelsIn(labelsPath));
    }

    private static (IReadOnlyList<int> Shape, SampleValues Values) ReadInputs(string path, SampleRoom room)
    {
        try
        {
            var header = NpyArray.ParseHeader(DataFiles.Beginning(path), long.MaxValue);
            using var file = DataFiles.Open(path);
            // A file that is not packed says how long it is before room is made for it.
            if (file is FileStream { Length: var length }) header.Require(length - header.Start);
            var (count, size) = (header.Length, NpyArray.ElementSize(header.Type));
            var each = Math.Max(1, count / Math.Max(1, header.Shape.FirstOrDefault(1)));
            if (each * size > Array.MaxLength)
                throw new FormatException($"A sample of {each:N0} values is more than one array can hold; cut samples smaller.");
            file.ReadExactly(new byte[header.Start]);
            var (values, width) = (room.Take(count), (int)each);
            var sample = new byte[width * size];
            for (long at = 0; at < count; at += width)
            {
                file.ReadExactly(sample);
                new NpyArray(header.Type, [width], sample).ToSingles().CopyTo(values.Part(at, width));
            }
            return file.ReadByte() < 0 ? (header.Shape, values) : throw new FormatException(
                $"The npy file goes on behind the {count * size} bytes that its shape needs.");
        }
        catch (EndOfStreamException e)
        {
            throw new BuildException($"Data file {path} ends before all of its elements; copy it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw DataFiles.Unreadable(path, e);
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}", e);
        }
    }

    private static RawSamples Unlabelled(string path, NpyArray inputs)
        => Samples(path, inputs, path, RawLabels.None(inputs.Shape is [var count, ..] ? count : 0));

    private static RawSamples Samples(string path, NpyArray inputs, string labelsPath, RawLabels labels)
        => Samples(path, inputs.Shape, inputs.ToSingles(), labelsPath, labels);

    private static RawLabels LabelsIn(string path)
    {
        try
        {
            return NpyWords.TryParse(DataFiles.Read(path)) is { } words ? RawLabels.Of(words) : LabelsOf(path, Parse(path));
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}", e);
        }
    }

    private static RawLabels LabelsOf(string path, NpyArray labels) => labels.Shape.Count is 1 or 2
        ? RawLabels.Of(labels)
        : throw new BuildException(
            $"Data file {path} has labels of shape ({string.Join(", ", labels.Shape)}); they need one axis, or two where each sample has "
                + "several numbers to predict.");

    private static int[]? OriginsOf(string path, IReadOnlyDictionary<string, NpyArray> arrays, int samples)
        => !arrays.TryGetValue(Groups, out var groups) ? null
            : groups.Shape is [var count] && count == samples ? Array.ConvertAll(groups.ToDoubles(), group => (int)group)
            : throw new BuildException(
                $"Data file {path} has '{Groups}' of shape ({string.Join(", ", groups.Shape)}) for {samples} samples; it needs a number "
                    + "for each.");

    private static RawSamples WithBoxes(string path, NpyArray inputs, IReadOnlyDictionary<string, NpyArray> arrays)
    {
        SampleTruth truth;
        try
        {
            truth = SampleTruth.Read(ModelTask.Detection, arrays, inputs.Shape[0]);
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}", e);
        }
        if (truth.Classes is not { Length: > 0 }) throw new BuildException($"Data file {path} has no box in any sample.");
        var boxes = truth.Classes.Zip(truth.Values!.Chunk(4), (kind, corners) => (double[])[kind, .. corners]);
        return new RawSamples(path, inputs.ToSingles(), [.. inputs.Shape.Skip(1)],
            new RawLabels([.. boxes.SelectMany(box => box)], 5 * (truth.Classes.Length / Math.Max(1, inputs.Shape[0])))
            {
                AreBoxes = true,
            });
    }

    private static NpyArray Parse(string path)
    {
        try
        {
            return NpyArray.Parse(DataFiles.Read(path));
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}", e);
        }
    }

    private static RawSamples Samples(
        string path, IReadOnlyList<int> shape, SampleValues values, string labelsPath, RawLabels labels)
    {
        if (shape.Count < 2)
            throw new BuildException(
                $"Data file {path} has inputs of shape ({string.Join(", ", shape)}); they need at least two axes, the first of them "
                    + "the samples.");
        if (shape[0] != labels.Count)
            throw new BuildException(
                $"Data file {path} has {shape[0]} samples and {labelsPath} has {labels.Count} labels; both must be of the same "
                    + "samples.");
        return new RawSamples(path, values, [.. shape.Skip(1)], labels);
    }
}
