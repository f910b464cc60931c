using Fleet.Contracts.Tensors;
using Fleet.Modeling.Onnx;

namespace Fleet.Modeling.Evaluation;

/// <summary>
/// Samples for the inputs of any model, from arrays whose first axis counts samples. What remains of an array's shape is the
/// input's own shape, or that shape without a leading batch of one.
/// </summary>
internal sealed class ArrayFeeds : IFeedSource
{
    /// <summary>Most bytes that a file of samples may unpack to.</summary>
    public const long MaximumBytes = 4L << 30;

    private readonly IReadOnlyList<(ModelInput Input, NpyArray Array)> _arrays;

    private ArrayFeeds(IReadOnlyList<(ModelInput, NpyArray)> arrays, int count) => (_arrays, Count) = (arrays, count);

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>Reads an npz (arrays by input name) or an npy file (the only input).</summary>
    /// <exception cref="InvalidDataException">The arrays do not fit the inputs; the message says which and how.</exception>
    public static ArrayFeeds Read(string path, IReadOnlyList<ModelInput> inputs)
    {
        var name = Path.GetFileName(path);
        try
        {
            using var file = File.OpenRead(path);
            var arrays = Path.GetExtension(path) == ".npz"
                ? NpzArchive.Read(file, MaximumBytes)
                : new Dictionary<string, NpyArray> { [inputs is [var only] ? only.Name : ""] = NpyArray.Parse(File.ReadAllBytes(path)) };
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
        var matched = new List<(ModelInput, NpyArray)>();
        foreach (var input in inputs)
        {
            var array = arrays.GetValueOrDefault(input.Name) ?? (inputs.Count == 1 && arrays.Count == 1 ? arrays.Values.Single() : null)
                ?? throw new InvalidDataException($"{source} has no array for input {input}; it has {string.Join(", ", arrays.Keys.Order())}.");
            if (array.Shape.Count == 0 || !input.Takes(ShapeOf(array, input)))
                throw new InvalidDataException($"{source}: array of shape ({string.Join(", ", array.Shape)}) does not fit input {input}; its first axis counts samples.");
            matched.Add((input, array));
        }
        int[] counts = [.. matched.Select(pair => pair.Item2.Shape[0]).Distinct()];
        if (counts is not [> 0 and var count]) throw new InvalidDataException($"{source}: its arrays hold {string.Join(" and ", counts)} samples; all must hold as many, and at least one.");
        return new ArrayFeeds(matched, count);
    }

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        // One sample each: models of several inputs rarely have one batch axis in common.
        for (var sample = 0; sample < Count; sample++)
            yield return new Feed(_arrays.ToDictionary(pair => pair.Input.Name, pair => pair.Input.Value(Slice(pair.Array, pair.Input, sample))));
    }

    private static IReadOnlyList<int> ShapeOf(NpyArray array, ModelInput input)
        => array.Shape.Count == input.Extents.Count ? [1, .. array.Shape.Skip(1)] : [.. array.Shape.Skip(1)];

    private static NpyArray Slice(NpyArray array, ModelInput input, int sample)
    {
        var bytes = array.Data.Length / array.Shape[0];
        return array with { Shape = ShapeOf(array, input), Data = array.Data.Slice(sample * bytes, bytes) };
    }
}
