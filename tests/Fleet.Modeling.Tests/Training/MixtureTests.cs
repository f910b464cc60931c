using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Training;

/// <summary>Images that are mixed, and their labels with them.</summary>
public sealed class MixtureTests
{
    private const int Count = 20, Side = 12, Length = 2 * Side * Side;

    // Every image is one value, its number, in the first channel, and a hundred more in the second.
    private static readonly SampleSet Images = new(
        [.. Enumerable.Range(0, Count * Length).Select(at => (float)(at / Length + at / (Side * Side) % 2 * 100))], [2, Side, Side],
        [.. Enumerable.Range(0, Count).Select(image => (long)(image % 3))]);

    public MixtureTests() => NativeEnvironment.Prepare();

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Image_holds_as_much_of_the_other_as_its_label_says(bool mixup, bool cutmix)
    {
        var views = Augmentation.Of(new TrainingSpec { Mixup = mixup, Cutmix = cutmix }, Images, seed: 1);
        var (shares, cut) = (new List<float>(), 0);
        var values = new float[Length];
        for (var view = 0; view < 60; view++)
        {
            for (var image = 0; image < Count; image++)
            {
                views.Write(Images, image, view, values);
                var (share, other) = views.MixtureOf(Images, image, view) is { } mixture ? (mixture.Share, mixture.Other) : (1, image);
                Assert.Equal(share * image + (1 - share) * other, values[..(Length / 2)].Average(), 1e-3f);
                Assert.Equal(share * image + (1 - share) * other + 100, values[(Length / 2)..].Average(), 1e-3f);
                if (view == 0) Assert.Equal(1, share);
                else if (share < 1) shares.Add(share);
                if (values.Any(value => value == other) && other != image) cut++;
            }
        }
        Assert.InRange(shares.Count, 480, 700);
        Assert.All(shares, share => Assert.InRange(share, 0.5f, 1f));
        Assert.Contains(shares, share => share < 0.65f);
        Assert.Equal(cutmix, cut > 0);
    }

    [Theory]
    [InlineData(null, null, 0)]
    [InlineData("balanced", null, 0)]
    [InlineData(null, 2.0, 0)]
    [InlineData("balanced", 2.0, 0)]
    [InlineData(null, null, 0.1)]
    public void Loss_of_a_mixture_is_that_of_its_parts_by_their_shares(string? weights, double? focal, double smoothing)
    {
        var spec = new TrainingSpec { ClassWeights = weights, Focal = focal, LabelSmoothing = smoothing };
        var loss = LabelLoss.Of(new ClassLabels([0, 0, 0, 1, 2, 2]), spec);
        using var scope = NewDisposeScope();
        var outputs = tensor([0.3f, -1, 2, 1.5f, 0.2f, -0.4f], [2, 3]);
        Tensor Numbers(params long[] numbers) => tensor(numbers);
        double Of(Tensor labels, params float[] shares) => loss.Of(
            outputs, new BatchLabels(labels) { Mixed = (Numbers(2, 1), tensor(shares)) }).ToDouble();
        // Where nothing of another is in it, and where a sample is mixed with one of its class, it is what it was.
        var own = Numbers(0, 1);
        Assert.Equal(loss.Of(outputs, own).ToDouble(), Of(own, 1, 0.7f), 1e-6);
        // Four copies of a batch of which three have the one class and one has the other.
        var whole = loss.Of(cat([outputs, outputs, outputs, outputs]), Numbers(0, 1, 0, 1, 0, 1, 2, 1)).ToDouble();
        Assert.Equal(whole, Of(own, 0.75f, 1), 1e-6);
        Assert.NotEqual(loss.Of(outputs, own).ToDouble(), whole, 1e-3);
    }

    [Fact]
    public void Batch_tells_the_labels_of_both_parts_and_none_where_nothing_is_mixed()
    {
        var views = Augmentation.Of(new TrainingSpec { Mixup = true }, Images, seed: 1);
        var batches = new Batches(Images, 10, views, CPU);
        int[] samples = [.. Enumerable.Range(0, 10)];
        using var scope = NewDisposeScope();
        Assert.Null(batches.Labels(samples, 0).Mixed);
        var (others, shares) = batches.Labels(samples, 3).Mixed!.Value;
        var mixtures = samples.Select(sample => views.MixtureOf(Images, sample, 3)).ToArray();
        Assert.Equal(samples.Zip(mixtures, (sample, mixture) => Images.ClassNumbers[mixture?.Other ?? sample]), others.data<long>());
        Assert.Equal(mixtures.Select(mixture => mixture?.Share ?? 1), shares.data<float>());
        Assert.Equal(samples.Select(sample => Images.ClassNumbers[sample]), batches.Labels(samples, 3).Own.data<long>());
    }

    [Theory]
    [InlineData("mirror")]
    [InlineData("mixup")]
    [InlineData("operations")]
    public void What_does_not_suit_the_samples_is_refused_with_what_does(string named)
    {
        var series = new SampleSet(new float[32], [2, 8], new long[] { 0, 1 });
        var spec = new TrainingSpec
        {
            Mirror = named == "mirror" ? true : null,
            Mixup = named == "mixup" ? true : null,
            Operations = named == "operations" ? 2 : null,
        };
        VariationKinds.Require("teacher.training", spec, Images);
        var message = Assert.Throws<BuildException>(() => VariationKinds.Require("teacher.training", spec, series)).Message;
        Assert.Contains(
            $"teacher.training.{named} does not go with the samples, which are series of 2 x 8", message, StringComparison.Ordinal);
        Assert.Contains("rotate, noise, warp", message, StringComparison.Ordinal);
    }
}
