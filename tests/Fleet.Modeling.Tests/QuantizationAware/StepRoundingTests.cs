using Fleet.Modeling.QuantizationAware;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Weights;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.QuantizationAware;

public sealed class StepRoundingTests
{
    public StepRoundingTests() => NativeEnvironment.Prepare();

    private static readonly double[] Values = [-3.1, -0.77, -0.24, 0, 0.11, 0.26, 0.61, 0.74, 1.3, 5];

    /// <summary>The paper's equations 1 to 5, one number at a time.</summary>
    private static (double Value, double OfValue, double OfStep) ByHand(double x, double step, Levels levels)
    {
        var v = x / step;
        var inside = v >= levels.Lowest && v <= levels.Highest;
        return (step * Math.Round(Math.Clamp(v, levels.Lowest, levels.Highest)), inside ? 1 : 0,
            inside ? Math.Round(v) - v : Math.Clamp(v, levels.Lowest, levels.Highest));
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(0, 255)]
    [InlineData(-2, 1)]
    [InlineData(-8, 7)]
    [InlineData(-127, 127)]
    [InlineData(-3, 12)]
    public void Values_and_gradients_are_those_of_the_paper(int lowest, int highest)
    {
        using var scope = NewDisposeScope();
        var levels = new Levels(lowest, highest);
        const double Step = 0.25;
        var x = tensor(Values, [1, Values.Length]).requires_grad_(true);
        var step = tensor([Step], ScalarType.Float64).requires_grad_(true);
        var upstream = tensor(Enumerable.Range(1, Values.Length).Select(i => i / 3.0).ToArray(), [1, Values.Length]);
        var rounded = StepRounding.Of(x, step, levels);
        (rounded * upstream).sum().backward();

        var expected = Values.Select(value => ByHand(value, Step, levels)).ToArray();
        Assert.Equal(expected.Select(one => one.Value), rounded.data<double>());
        Assert.Equal(expected.Select((one, i) => one.OfValue * (i + 1) / 3.0), x.grad!.data<double>());
        var ofStep = expected.Select((one, i) => one.OfStep * (i + 1) / 3.0).Sum() / Math.Sqrt((double)Values.Length * highest);
        Assert.Equal(ofStep, step.grad!.data<double>()[0], 1e-9);
    }

    [Fact]
    public void Step_of_each_channel_learns_from_its_channel_alone()
    {
        using var scope = NewDisposeScope();
        var levels = new Levels(-4, 3);
        var x = tensor(Values.Concat(Values.Select(value => value * 3)).ToArray(), [2, 5, 2]).requires_grad_(true);
        var step = tensor([0.25, 0.5]).to_type(ScalarType.Float64).reshape(2, 1, 1).requires_grad_(true);
        StepRounding.Of(x, step, levels).sum().backward();
        double Expected(IEnumerable<double> values, double of)
            => values.Sum(value => ByHand(value, of, levels).OfStep) / Math.Sqrt(10 * 3.0);
        Assert.Equal(Expected(Values, 0.25), step.grad!.data<double>()[0], 1e-9);
        Assert.Equal(Expected(Values.Select(value => value * 3), 0.5), step.grad!.data<double>()[1], 1e-9);
    }

    [Fact]
    public void Step_gradient_is_the_slope_between_roundings()
    {
        // Where no value changes its level, the rounded value is linear in the step: its slope is the level, and the paper
        // subtracts x / step because the values themselves are taken to follow. Both are checked against finite differences.
        using var scope = NewDisposeScope();
        var levels = new Levels(-4, 3);
        const double Step = 0.25, Change = 1e-7;
        double Sum(double step) => Values.Sum(value => ByHand(value, step, levels).Value);
        var x = tensor(Values, [1, Values.Length]).requires_grad_(true);
        var step = tensor([Step], ScalarType.Float64).requires_grad_(true);
        StepRounding.Of(x, step, levels).sum().backward();
        var slope = (Sum(Step + Change) - Sum(Step - Change)) / (2 * Change);
        var followed = Values.Where(value => value / Step >= levels.Lowest && value / Step <= levels.Highest).Sum(value => value / Step);
        Assert.Equal((slope - followed) / Math.Sqrt(Values.Length * 3.0), step.grad!.data<double>()[0], 1e-5);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(8)]
    public void Rounded_values_lie_on_the_grid_and_use_all_of_it(int bits)
    {
        using var scope = NewDisposeScope();
        var levels = Levels.OfWeights(bits);
        // Made here: a draw from torch's generator would be missing in a test that runs beside this one.
        var random = new Random(1);
        var values = tensor([.. Enumerable.Range(0, 20_000).Select(_ => (float)((random.NextDouble() - 0.5) * 4 * (1 << bits)))],
            [1, 20_000]);
        var steps = (StepRounding.Of(values, tensor([0.3f]), levels) / 0.3f).data<float>().ToArray();
        Assert.All(steps, step => Assert.Equal(Math.Round(step), step, 1e-3));
        Assert.Equal(Enumerable.Range(levels.Lowest, levels.Highest - levels.Lowest + 1),
            steps.Select(step => (int)Math.Round(step)).Distinct().Order());
    }
}
