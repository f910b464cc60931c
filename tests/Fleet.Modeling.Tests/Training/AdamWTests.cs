using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Training;

public sealed class AdamWTests
{
    public AdamWTests() => NativeEnvironment.Prepare();

    // The formula of the paper with its weight decay, in double precision.
    private static double[] Expected(
        double[] weights, Func<double[], double[]> gradient, double rate, double decay, double epsilon, int steps)
    {
        var (first, second) = (new double[weights.Length], new double[weights.Length]);
        for (var step = 1; step <= steps; step++)
        {
            var slopes = gradient(weights);
            for (var i = 0; i < weights.Length; i++)
            {
                first[i] = 0.9 * first[i] + 0.1 * slopes[i];
                second[i] = 0.999 * second[i] + 0.001 * slopes[i] * slopes[i];
                var (mean, square) = (first[i] / (1 - Math.Pow(0.9, step)), second[i] / (1 - Math.Pow(0.999, step)));
                weights[i] -= rate * (mean / (Math.Sqrt(square) + epsilon) + decay * weights[i]);
            }
        }
        return weights;
    }

    [Theory]
    [InlineData(0, 1e-8)]
    [InlineData(0.1, 1e-8)]
    [InlineData(0, 1e-2)]
    public void Steps_are_those_of_the_formula(double decay, double epsilon)
    {
        using var scope = NewDisposeScope();
        double[] start = [1, -2, 0.5, 3];
        var weights = new TorchSharp.Modules.Parameter(tensor(start));
        var untouched = new TorchSharp.Modules.Parameter(tensor(start));
        using var optimizer = new AdamW { LearningRate = 0.05 };
        optimizer.Add([weights, untouched], decay, epsilon);
        for (var step = 0; step < 20; step++) optimizer.Step((weights.pow(2) * 0.5 + weights.sin()).sum());
        var expected = Expected([.. start], at => [.. at.Select(value => value + Math.Cos(value))], 0.05, decay, epsilon, 20);
        Assert.All(weights.data<double>().ToArray().Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 12));
        // What has no gradient stays, weight decay included.
        Assert.Equal(start, untouched.data<double>().ToArray());
        Assert.Equal(20, optimizer.Steps);
    }
}
