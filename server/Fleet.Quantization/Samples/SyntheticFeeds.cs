using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Made-up smooth inputs for a model of which there are no samples: waves along the last axes with some grain for floats, rows of
/// the table that they are looked up in or small numbers for integers, masks that hide nothing. Good for a first look at speed and size;
/// ranges and figures are not those of real data.
/// </summary>
internal sealed class SyntheticFeeds(
    IReadOnlyList<ModelInput> inputs, int count, int seed, ModelState? state = null, SyntheticShapes? shapes = null) : IFeedSource
{
    /// <summary>Integers of which nothing is known are below this: token and class numbers that every model has.</summary>
    private const int LargestInteger = 8;

    private readonly ModelState _state = state ?? ModelState.None;
    private readonly SyntheticShapes _shapes = shapes ?? SyntheticShapes.Usual(inputs);

    /// <inheritdoc/>
    public int Count => count;

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        var random = new Random(seed);
        ModelInput[] made = [.. inputs.Where(input => _state.Links.All(link => link.Input != input))];
        using var pass = _state.Begin(ModelInput.FreeExtents(made.Select(input => (input, (IReadOnlyList<int>)_shapes[input]))));
        for (var sample = 0; sample < count; sample++)
            yield return pass.Feed(made.ToDictionary(input => input.Name, input => Value(input, _shapes[input], random)));
    }

    /// <summary>
    /// Numbers an integer input gets. A model that sees nothing has nothing to say: what marks padding is zero, any other mask of
    /// numbers is one. Whether true or false hides, exporters do not agree on: such a mask is mixed.
    /// </summary>
    private static (long Least, long Below) RangeOf(ModelInput input)
    {
        bool Called(string word) => input.Name.Contains(word, StringComparison.OrdinalIgnoreCase);
        return Called("mask") && Called("pad") ? (0, 1)
            : input.Type == TensorElementType.Bool ? (0, 2)
            : Called("mask") ? (1, 2)
            : (0, input.Table?.Rows ?? LargestInteger);
    }

    private static OrtValue Value(ModelInput input, int[] extents, Random random)
    {
        var length = extents.Aggregate(1, (product, extent) => checked(product * extent));
        if (input.Type is not (TensorElementType.Float or TensorElementType.Float16 or TensorElementType.Double))
        {
            var (least, below) = RangeOf(input);
            return input.Value(NpyArray.Of([.. Enumerable.Range(0, length).Select(_ => random.NextInt64(least, below))], extents));
        }
        int width = extents.Length > 0 ? extents[^1] : 1, height = extents.Length > 1 ? extents[^2] : 1;
        double across = 0, down = 0, phase = 0, level = 0;
        var values = new float[length];
        for (var i = 0; i < length; i++)
        {
            // Each plane of the last two axes is a picture of its own.
            if (i % (width * height) == 0)
                (across, down, phase, level) = (
                    random.NextDouble() * 0.2, random.NextDouble() * 0.2, random.NextDouble() * Math.Tau, random.NextDouble() - 0.5);
            int x = i % width, y = i / width % height;
            values[i] = (float)(level + 0.5 * Math.Sin(across * x + phase) * Math.Cos(down * y) + 0.2 * (random.NextDouble() - 0.5));
        }
        return input.Value(NpyArray.Of(values, extents));
    }
}
