using Fleet.Quantization.Onnx;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// Fixed kernels over series, each at every dilation, and where each one answers: a ramp of its standardised value, from 0 at a threshold
/// to 1 a little above it, whose mean over time is the share of values above the threshold (MiniRocket: Dempster, Schmidt, Webb,
/// arXiv 2012.08791, whose step is the limit of the ramp). Only the thresholds are trained. Kernels have nine weights, three of them 2 and
/// six -1, which tells a shape whatever its level; one more of each channel has nine of 1 and a ramp over nearly all values, which tells
/// the level. 8 bits lose nothing of them.
/// </summary>
/// <param name="Kernels">Kernels at each dilation, at least one for each channel and cut to a multiple of the channels; one more a channel
/// tells its level.</param>
internal sealed record KernelBank(int Kernels) : NormalizedLayer
{
    /// <summary>Weights of a kernel.</summary>
    private const int Size = 9;

    /// <summary>Longest series whose every place is looked at; of longer ones every second, third, ...</summary>
    private const int MostPlaces = 256;

    /// <summary>A ramp is a quarter of a deviation wide: near a step, with a slope that a threshold can be trained by.</summary>
    private const double Steepness = 4;

    /// <summary>The ramp of a level is four deviations wide.</summary>
    private const double SteepnessOfLevel = 0.25;

    /// <summary>Places of the weights that are 2, of every such kernel: 84.</summary>
    private static readonly int[][] Patterns = [
        .. from first in Enumerable.Range(0, Size)
           from second in Enumerable.Range(first + 1, Size - first - 1)
           from third in Enumerable.Range(second + 1, Size - second - 1)
           select new[] { first, second, third },
    ];

    /// <summary>One, two, four, ... steps between weights, for as long as a kernel fits into the series.</summary>
    private static int[] Dilations(int length)
        => [.. Enumerable.Range(0, 30).Select(power => 1 << power).TakeWhile(step => step == 1 || (Size - 1) * step < length)];

    private static int Stride(int length) => (length - 1) / MostPlaces + 1;

    private int AtEachDilation(int channels) => (1 + Math.Max(1, Kernels / channels)) * channels;

    /// <inheritdoc/>
    public override IReadOnlyList<int> ShapeBehind(IReadOnlyList<int> input)
        => [AtEachDilation(input[0]) * Dilations(input[1]).Length, (input[1] - 1) / Stride(input[1]) + 1];

    /// <inheritdoc/>
    public override long MultiplyAdds(IReadOnlyList<int> input)
        => ShapeBehind(input).Aggregate((long)Size, (product, extent) => product * extent);

    /// <inheritdoc/>
    public override LayerModules Modules(IReadOnlyList<int> input)
    {
        var (kernels, count) = (AtEachDilation(input[0]), ShapeBehind(input)[0]);
        bool IsLevel(int kernel) => kernel % (kernels / input[0]) == 0;
        var weights = new float[count * Size];
        var random = new Random((int)randint(int.MaxValue, 1).item<long>());
        var (shapes, next) = (Patterns.ToArray(), 0);
        for (var kernel = 0; kernel < count; kernel++)
        {
            var own = weights.AsSpan(kernel * Size, Size);
            if (IsLevel(kernel))
            {
                own.Fill(1);
                continue;
            }
            own.Fill(-1);
            // All before one comes again.
            if (next % shapes.Length == 0) random.Shuffle(shapes);
            foreach (var place in shapes[next++ % shapes.Length]) own[place] = 2;
        }
        var bank = new FixedKernels(weights, [count, 1, Size], Dilations(input[1]), Stride(input[1]));
        var normalizing = BatchNorm1d(count);
        using var noGradient = no_grad();
        using var scope = TorchSharp.torch.NewDisposeScope();
        // Thresholds spread over the quantiles of a normal distribution.
        var thresholds = special.erfinv((rand(count) * 0.9 + 0.05) * 2 - 1) * Math.Sqrt(2);
        var isLevel = tensor([.. Enumerable.Range(0, count).Select(IsLevel)]);
        normalizing.weight!.copy_(where(isLevel, full(1, SteepnessOfLevel), full(1, Steepness)));
        normalizing.bias!.copy_(where(isLevel, full(1, 0.5), -Steepness * thresholds));
        return new LayerModules(bank, normalizing);
    }

    /// <inheritdoc/>
    public override string Export(StudentGraph graph, LayerExport layer)
    {
        var number = layer.Number;
        var kernels = AtEachDilation(layer.Shape[0]);
        var heard = Dilations(layer.Shape[1]).Select((dilation, index) =>
        {
            float[] Part(float[] values, int each) => values[(index * kernels * each)..((index + 1) * kernels * each)];
            var weight = graph.Constant(Tensors.Of($"weight{number}.{dilation}", Part(layer.Folded.Weight, Size), [kernels, 1L, Size]));
            var bias = graph.Constant(Tensors.Of($"bias{number}.{dilation}", Part(layer.Folded.Bias, 1), [kernels]));
            var node = graph.Node("Conv", $"conv{number}.{dilation}", layer.Input, weight, bias)
                .With("kernel_shape", [(long)Size]).With("strides", [(long)Stride(layer.Shape[1])])
                .With("dilations", [(long)dilation]).With("pads", [Size / 2L * dilation, Size / 2L * dilation]);
            if (layer.Shape[0] > 1) node.With("group", layer.Shape[0]);
            return graph.Add("Clip", $"ramp{number}.{dilation}", node.Output[0], graph.Number("zero", 0), graph.Number("unit", 1));
        });
        return graph.Node("Concat", $"ramps{number}", [.. heard]).With("axis", 1L).Output[0];
    }

    /// <inheritdoc/>
    protected override Tensor Activated(Tensor value) => value.clamp(0, 1);

    /// <inheritdoc/>
    protected override long WeightsOf(IReadOnlyList<int> input) => 0;

    /// <inheritdoc/>
    protected override Tensor Scale(InputScale scale) => scale.OfKernels();
}
