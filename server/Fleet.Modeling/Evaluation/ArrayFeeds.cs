using System.Runtime.InteropServices;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Onnx;

namespace Fleet.Modeling.Evaluation;

/// <summary>
/// Samples for the inputs of any model, from arrays whose first axis counts samples. What remains of an array's shape is the
/// input's own shape, or that shape without a leading batch of one. An array that is as large as the input itself is one sample.
/// </summary>
internal sealed class ArrayFeeds : IFeedSource
{
    /// <summary>Most bytes that a file of samples may unpack to.</summary>
    public const long MaximumBytes = 4L << 30;

    private const string LabelsName = "labels";

    private readonly IReadOnlyList<(ModelInput Input, NpyArray Array)> _arrays;

    private ArrayFeeds(IReadOnlyList<(ModelInput, NpyArray)> arrays, int count, IReadOnlyList<long>? labels) => (_arrays, Count, Labels) = (arrays, count, labels);

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>Class of each sample, from the array <c>labels</c>; null when there is none.</summary>
    public IReadOnlyList<long>? Labels { get; }

    /// <summary>Reads an npz (arrays by input name), an npy file or a picture (the only input).</summary>
    /// <exception cref="InvalidDataException">The arrays do not fit the inputs; the message says which and how.</exception>
    public static ArrayFeeds Read(string path, IReadOnlyList<ModelInput> inputs)
    {
        var name = Path.GetFileName(path);
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > MaximumBytes) throw new InvalidDataException($"{name} has {file.Length} bytes; {MaximumBytes} are read.");
            var arrays = Path.GetExtension(path) == ".npz"
                ? NpzArchive.Read(file, MaximumBytes)
                : new Dictionary<string, NpyArray> { [inputs is [var only] ? only.Name : ""] = PortableImage.IsOne(path) ? PortableImage.Read(File.ReadAllBytes(path)) : NpyArray.Parse(File.ReadAllBytes(path)) };
            return From(arrays, inputs, name);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{name}: {e.Message}", e);
        }
    }

    /// <summary>Samples from arrays by input name; a single array serves a single input whatever its name.</summary>
    public static ArrayFeeds From(IReadOnlyDictionary<string, NpyArray> arrays, IReadOnlyList<ModelInput> inputs, string source)
    {
        var own = inputs.Any(input => input.Name == LabelsName) ? null : arrays.GetValueOrDefault(LabelsName);
        string[] others = [.. arrays.Keys.Where(name => own is null || name != LabelsName).Order()];
        var matched = new List<(ModelInput, NpyArray)>();
        foreach (var input in inputs)
        {
            var array = arrays.GetValueOrDefault(input.Name) ?? (inputs.Count == 1 && others is [var only] ? arrays[only] : null)
                ?? throw new InvalidDataException($"{source} has no array for input {input}; it has {string.Join(", ", others)}.");
            if (IsOne(array, input)) array = array with { Shape = [1, .. array.Shape] };
            if (array.Shape.Count == 0 || !input.Takes(ShapeOf(array, input)))
                throw new InvalidDataException($"{source}: array of shape ({string.Join(", ", array.Shape)}) does not fit input {input}; its first axis counts samples.");
            if (FirstWithoutNumber(array) is { } at) throw new InvalidDataException($"{source}: the array for input {input} holds a value that is no finite number, first in sample {at}; remove such samples.");
            matched.Add((input, array));
        }
        int[] counts = [.. matched.Select(pair => pair.Item2.Shape[0]).Distinct()];
        if (counts is not [> 0 and var count]) throw new InvalidDataException($"{source}: its arrays hold {string.Join(" and ", counts)} samples; all must hold as many, and at least one.");
        long[]? labels = own?.ToInt64s();
        if (labels is not null && (labels.Length != count || own!.Shape.Count > 1)) throw new InvalidDataException($"{source}: 'labels' has shape ({string.Join(", ", own!.Shape)}); {count} samples need as many class numbers.");
        return new ArrayFeeds(matched, count, labels);
    }

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        // One sample each: models of several inputs rarely have one batch axis in common.
        for (var sample = 0; sample < Count; sample++)
            yield return new Feed(_arrays.ToDictionary(pair => pair.Input.Name, pair => pair.Input.Value(Slice(pair.Array, pair.Input, sample))));
    }

    /// <summary>True for an array that is one whole input: the input's own shape where that begins with no batch, or that shape without the batch.</summary>
    private static bool IsOne(NpyArray array, ModelInput input)
        => array.Shape.Count == input.Extents.Count && input.Extents is [] or [> 1, ..] && input.Takes(array.Shape)
        || array.Shape.Count == input.Extents.Count - 1 && input.Takes([1, .. array.Shape]);

    /// <summary>The first sample with a value that is infinite or not a number: one of them would widen every range to nothing.</summary>
    private static int? FirstWithoutNumber(NpyArray array)
    {
        if (array.Type[0] != 'f' || array.Length == 0) return null;
        var values = array.Type == "f4" ? MemoryMarshal.Cast<byte, float>(array.Data.Span) : array.ToSingles();
        for (var i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i])) return i / (values.Length / array.Shape[0]);
        }
        return null;
    }

    private static IReadOnlyList<int> ShapeOf(NpyArray array, ModelInput input)
        => array.Shape.Count == input.Extents.Count ? [1, .. array.Shape.Skip(1)] : [.. array.Shape.Skip(1)];

    private static NpyArray Slice(NpyArray array, ModelInput input, int sample)
    {
        var bytes = array.Data.Length / array.Shape[0];
        return array with { Shape = ShapeOf(array, input), Data = array.Data.Slice(sample * bytes, bytes) };
    }
}
