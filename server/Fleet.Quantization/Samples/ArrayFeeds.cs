using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Samples for the inputs of any model, from arrays whose first axis counts samples. What remains of an array's shape is the
/// input's own shape, or that shape without a leading batch of one. An array that is as large as the input itself is one sample.
/// A single value given for a scalar input serves every sample; an input that carries state needs no array: then the samples
/// are the steps of one sequence.
/// </summary>
internal sealed class ArrayFeeds : IFeedSource
{
    /// <summary>Most bytes that a file of samples may unpack to.</summary>
    public const long MaximumBytes = 4L << 30;

    private readonly IReadOnlyList<(ModelInput Input, NpyArray Array)> _arrays;
    private readonly ModelState _state;

    private ArrayFeeds(IReadOnlyList<(ModelInput, NpyArray)> arrays, int count, IReadOnlyList<long>? labels, ModelState state)
        => (_arrays, Count, Labels, _state) = (arrays, count, labels, state);

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>
    /// Class of each sample, from the array <c>labels</c>; null when there is none, or the task's labels are not classes.
    /// </summary>
    public IReadOnlyList<long>? Labels { get; }

    /// <summary>Names of arrays that are no input and no label of the task, and were not read.</summary>
    public IReadOnlyList<string> Unread { get; private init; } = [];

    /// <summary>Reads an npz (arrays by input name) or an npy file (the only input).</summary>
    /// <exception cref="InvalidDataException">The arrays do not fit the inputs; the message says which and how.</exception>
    public static ArrayFeeds Read(
        string path, IReadOnlyList<ModelInput> inputs, ModelState? state = null, ModelTask task = ModelTask.Classification)
    {
        var name = Path.GetFileName(path);
        string[] fed = [.. inputs.Select(input => input.Name).Except((state ?? ModelState.None).Links.Select(link => link.Input.Name))];
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > MaximumBytes)
                throw new InvalidDataException($"{name} has {file.Length:N0} bytes; {MaximumBytes:N0} are read.");
            var arrays = Path.GetExtension(path) == ".npz"
                ? NpzArchive.Read(file, MaximumBytes)
                : new Dictionary<string, NpyArray>
                {
                    [fed is [var only] ? only : ""] = NpyArray.Parse(File.ReadAllBytes(path)),
                };
            return From(arrays, inputs, name, state, task);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{name}: {e.Message}", e);
        }
    }

    /// <summary>Samples from arrays by input name; a single array serves a single input whatever its name.</summary>
    public static ArrayFeeds From(
        IReadOnlyDictionary<string, NpyArray> arrays, IReadOnlyList<ModelInput> inputs, string source, ModelState? state = null,
        ModelTask task = ModelTask.Classification)
    {
        var carried = state ?? ModelState.None;
        string[] ofLabels = [.. TaskDefinition.Of(task).Labels.Select(label => label.Name).Except(inputs.Select(input => input.Name))];
        var labels = task == ModelTask.Classification && ofLabels is [var name] ? arrays.GetValueOrDefault(name) : null;
        string[] names = [.. arrays.Keys.Except(ofLabels).Order()];
        ModelInput[] needed = [.. inputs.Where(input => arrays.ContainsKey(input.Name) || carried.Links.All(link => link.Input != input))];
        var matched = new List<(ModelInput Input, NpyArray Array)>();
        foreach (var input in needed)
        {
            var array = arrays.GetValueOrDefault(input.Name) ?? (needed.Length == 1 && names is [var only] ? arrays[only] : null)
                ?? throw new InvalidDataException(
                    $"{source} has no array for input {input}; it has {string.Join(", ", names.DefaultIfEmpty("none"))}.");
            if (IsOne(array, input)) array = array with { Shape = [1, .. array.Shape] };
            if (!IsForAll(array, input) && (array.Shape.Count == 0 || !input.Takes(ShapeOf(array, input))))
                throw new InvalidDataException(
                    $"{source}: array of shape ({string.Join(", ", array.Shape)}) does not fit input {input}; its first axis counts "
                        + $"samples.");
            matched.Add((input, array));
        }
        int[] counts = [.. matched.Where(pair => !IsForAll(pair.Array, pair.Input)).Select(pair => pair.Array.Shape[0]).Distinct()];
        if (counts.Length == 0) counts = [1];
        if (counts is not [> 0 and var count])
            throw new InvalidDataException(
                $"{source}: its arrays hold {string.Join(" and ", counts)} samples; all must hold as many, and at least one.");
        foreach (var (input, array) in matched)
        {
            for (var sample = 0; sample < (IsForAll(array, input) ? 1 : count); sample++)
                input.Check(Slice(array, input, sample), source, sample);
        }
        return labels is null || (labels.Length == count && labels.Shape.Count == 1)
            ? new ArrayFeeds(matched, count, labels is null ? null : LabelChecks.Of(labels, source), carried)
            {
                // One array alone is the input, whatever its name.
                Unread = names is [_] ? [] : [.. names.Except(matched.Select(pair => pair.Input.Name))],
            }
            : throw new InvalidDataException($"{source} holds {labels.Length} labels for {count} samples.");
    }

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        using var pass = _state.Begin(ModelInput.FreeExtents(
            _arrays.Where(pair => !IsForAll(pair.Array, pair.Input)).Select(pair => (pair.Input, ShapeOf(pair.Array, pair.Input)))));
        // One sample each: models of several inputs rarely have one batch axis in common.
        for (var sample = 0; sample < Count; sample++)
            yield return pass.Feed(_arrays.ToDictionary(
                pair => pair.Input.Name, pair => pair.Input.Value(Slice(pair.Array, pair.Input, sample))));
    }

    /// <summary>True for the one value of a scalar input, given once for all samples.</summary>
    private static bool IsForAll(NpyArray array, ModelInput input) => input.Extents.Count == 0 && array.Length == 1;

    /// <summary>
    /// True for an array that is one whole input: the input's own shape where that begins with no batch, or that shape without the batch.
    /// </summary>
    private static bool IsOne(NpyArray array, ModelInput input)
        => (array.Shape.Count == input.Extents.Count && input.Extents is [> 1, ..] && input.Takes(array.Shape))
        || (array.Shape.Count == input.Extents.Count - 1 && input.Takes([1, .. array.Shape]));

    private static IReadOnlyList<int> ShapeOf(NpyArray array, ModelInput input)
        => array.Shape.Count == input.Extents.Count ? [1, .. array.Shape.Skip(1)] : [.. array.Shape.Skip(1)];

    private static NpyArray Slice(NpyArray array, ModelInput input, int sample)
    {
        if (IsForAll(array, input)) return array with { Shape = [] };
        var bytes = array.Data.Length / array.Shape[0];
        return array with { Shape = ShapeOf(array, input), Data = array.Data.Slice(sample * bytes, bytes) };
    }
}
