using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Training;

/// <summary>Focal loss and balanced sampling.</summary>
public sealed class ImbalanceTests
{
    private static readonly ClassLabels Labels = new([0, 2, 1, 0]);
    private static readonly double[] Logits = [2, -1, 0.5, 0.3, 0.1, -0.7, -1.2, 1.9, 0.4, -2, 3, 1];

    public ImbalanceTests() => NativeEnvironment.Prepare();

    private static double[] Probabilities(int row)
    {
        double[] powers = [.. Logits.Skip(row * 3).Take(3).Select(Math.Exp)];
        return [.. powers.Select(power => power / powers.Sum())];
    }

    private static double Loss(TrainingSpec spec, ClassLabels labels)
    {
        using var scope = NewDisposeScope();
        return LabelLoss.Of(labels, spec).Of(tensor(Logits, [4L, 3L]), tensor(labels.Numbers)).ToDouble();
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Focal_loss_is_that_of_its_paper(double focus)
    {
        var expected = Enumerable.Range(0, 4).Average(row =>
        {
            var right = Probabilities(row)[Labels.Numbers[row]];
            return -Math.Pow(1 - right, focus) * Math.Log(right);
        });
        Assert.Equal(expected, Loss(new TrainingSpec { Focal = focus }, Labels), 9);
        Assert.NotEqual(Loss(new TrainingSpec(), Labels), Loss(new TrainingSpec { Focal = focus }, Labels), 3);
    }

    [Fact]
    public void Focal_loss_with_weights_of_classes_is_their_weighted_mean()
    {
        // Two samples of class 0 weigh as much as one of each other class.
        double[] weights = [0.5, 1, 1, 0.5];
        var expected = Enumerable.Range(0, 4).Sum(row =>
        {
            var right = Probabilities(row)[Labels.Numbers[row]];
            return -weights[row] * Math.Pow(1 - right, 2) * Math.Log(right);
        }) / weights.Sum();
        Assert.Equal(expected, Loss(new TrainingSpec { Focal = 2, ClassWeights = "balanced" }, Labels), 6);
    }

    /// <summary>A fold may hold all samples of the last class.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(2.0)]
    public void Weights_go_with_outputs_of_classes_that_are_not_learned(double? focus)
    {
        var spec = new TrainingSpec { ClassWeights = "balanced", Focal = focus };
        Assert.Equal(Loss(spec with { ClassWeights = null }, new ClassLabels([0, 1, 1, 0])), Loss(spec, new ClassLabels([0, 1, 1, 0])), 6);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(3)]
    public void Slope_of_the_focal_loss_is_its_derivative(double focus)
    {
        using var scope = NewDisposeScope();
        var outputs = tensor(Logits, [4L, 3L], requires_grad: true);
        LabelLoss.Of(Labels, new TrainingSpec { Focal = focus }).Of(outputs, tensor(Labels.Numbers)).backward();
        var slopes = outputs.grad!.data<double>().ToArray();
        for (var row = 0; row < 4; row++)
        {
            var (label, all) = ((int)Labels.Numbers[row], Probabilities(row));
            var right = all[label];
            var slope = focus * Math.Pow(1 - right, focus - 1) * right * Math.Log(right) - Math.Pow(1 - right, focus);
            for (var column = 0; column < 3; column++)
                Assert.Equal(slope * ((column == label ? 1 : 0) - all[column]) / 4, slopes[row * 3 + column], 9);
        }
    }

    [Fact]
    public void Slope_of_what_is_entirely_sure_is_a_number()
    {
        using var scope = NewDisposeScope();
        var outputs = tensor(new float[] { 200, -200 }, [1L, 2L], requires_grad: true);
        LabelLoss.Of(new ClassLabels([0]), new TrainingSpec { Focal = 0.5 }).Of(outputs, tensor(new long[] { 0 })).backward();
        Assert.All(outputs.grad!.data<float>().ToArray(), slope => Assert.True(float.IsFinite(slope)));
    }

    [Fact]
    public void Balanced_sampling_draws_each_class_alike_and_each_sample_of_a_rare_one_several_times()
    {
        var labels = new ClassLabels([.. Enumerable.Range(0, 100).Select(i => i < 90 ? 0L : i < 97 ? 1L : 2L)]);
        var samples = new SampleSet(new float[100], [1], labels);
        int[] Drawn(int epoch, bool isBalanced = true)
            => [
                .. new Batches(samples, 10, Augmentation.Of(new TrainingSpec(), samples, 1), CPU, isBalanced).Of(epoch)
                    .SelectMany(one => one.Indices),
            ];
        var counts = Drawn(0).CountBy(sample => labels.Numbers[sample]).ToDictionary(count => count.Key, count => count.Value);
        Assert.Equal([33, 33, 34], counts.Values.Order());
        Assert.All(Drawn(0).CountBy(sample => sample).Where(count => labels.Numbers[count.Key] == 2),
            count => Assert.InRange(count.Value, 11, 12));
        Assert.Equal(Drawn(3), Drawn(3));
        Assert.NotEqual(Drawn(3), Drawn(4));
        Assert.Equal(Enumerable.Range(0, 100), Drawn(0, isBalanced: false).Order());
    }
}
