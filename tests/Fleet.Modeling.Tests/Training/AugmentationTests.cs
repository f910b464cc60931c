using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Training;

namespace Fleet.Modeling.Tests.Training;

public sealed class AugmentationTests
{
    private static float[] View(float[] sample, int[] shape, int view, int seed = 1, int index = 0, bool mirror = true)
    {
        var destination = new float[sample.Length];
        new Augmentation(Enabled: true, mirror, seed).Write(sample, shape, destination, index, view);
        return destination;
    }

    [Fact]
    public void Noise_follows_the_deviation_of_each_channel_and_moves_it_as_a_whole()
    {
        const int Length = 500, Views = 200;
        // One channel deviates a thousandfold as much as the other, far from zero.
        var random = new Random(3);
        float[] values = [.. Enumerable.Range(0, 4 * Length).Select(at => at / Length % 2 == 0
            ? 600 + random.NextSingle() : 9000 + 1000 * random.NextSingle())];
        var samples = new SampleSet(values, [2, Length], new long[] { 0, 1 });
        var augmentation = Augmentation.Of(new TrainingSpec { Augment = true, Noise = true }, samples, seed: 1);
        var disturbed = new float[2 * Length];
        var offsets = new List<double>[] { [], [] };
        for (var view = 1; view <= Views; view++)
        {
            augmentation.Write(samples, 0, view, disturbed);
            for (var channel = 0; channel < 2; channel++)
            {
                double[] by = [.. Enumerable.Range(channel * Length, Length).Select(at => (double)disturbed[at] - values[at])];
                var deviation = 0.2887 * (channel == 0 ? 1 : 1000);
                offsets[channel].Add(by.Average() / deviation);
                Assert.InRange(Math.Sqrt(by.Average(one => (one - by.Average()) * (one - by.Average()))) / deviation, 0.28, 0.38);
            }
        }
        Assert.All(offsets, ofChannel => Assert.InRange(Math.Sqrt(ofChannel.Average(one => one * one)), 0.28, 0.38));
    }

    [Fact]
    public void Channel_that_never_changes_is_neither_scaled_nor_disturbed()
    {
        // No sum of 0.1 is exact.
        float[] values = [.. Enumerable.Range(0, 4_000).Select(at => at / 100 % 2 == 0 ? 0.1f : at)];
        var samples = new SampleSet(values, [2, 100], new long[20]);
        Assert.Equal(1, Normalization.Measure(samples).Scale[0]);
        var disturbed = new float[200];
        Augmentation.Of(new TrainingSpec { Augment = true, Noise = true }, samples, seed: 1).Write(samples, 0, 1, disturbed);
        Assert.Equal(values[..100], disturbed[..100]);
        Assert.NotEqual(values[100..200], disturbed[100..]);
    }

    [Fact]
    public void View_zero_is_the_sample_itself()
    {
        float[] sample = [.. Enumerable.Range(0, 24 * 24).Select(i => (float)i)];
        Assert.Equal(sample, View(sample, [1, 24, 24], 0));
    }

    [Fact]
    public void View_is_a_function_of_seed_sample_and_number()
    {
        float[] sample = [.. Enumerable.Range(0, 64).Select(i => (float)i)];
        Assert.Equal(View(sample, [1, 64], 2), View(sample, [1, 64], 2));
        Assert.NotEqual(View(sample, [1, 64], 2), View(sample, [1, 64], 3));
        Assert.NotEqual(View(sample, [1, 64], 2), View(sample, [1, 64], 2, index: 1));
        Assert.NotEqual(View(sample, [1, 64], 2), View(sample, [1, 64], 2, seed: 2));
    }

    [Fact]
    public void Image_is_moved_by_at_most_a_twelfth_and_sometimes_mirrored()
    {
        const int Extent = 24;
        var sample = new float[2 * Extent * Extent];
        // One bright point left of the middle, in the second channel only.
        sample[Extent * Extent + 12 * Extent + 9] = 1;
        var seen = new HashSet<(int Row, int Column)>();
        for (var view = 1; view < 200; view++)
        {
            var moved = View(sample, [2, Extent, Extent], view);
            var at = Array.IndexOf(moved, 1f);
            Assert.True(at >= Extent * Extent, "the other channel stays empty");
            Assert.Equal(1, moved.Sum());
            seen.Add(((at - Extent * Extent) / Extent, at % Extent));
        }
        Assert.All(seen, point => Assert.InRange(point.Row, 10, 14));
        Assert.All(seen, point => Assert.True(point.Column is >= 7 and <= 11 or >= 12 and <= 16, $"column {point.Column}"));
        Assert.Contains(seen, point => point.Column > 11);
        Assert.Contains(seen, point => point.Column < 12);
    }

    [Fact]
    public void Mirroring_can_be_left_out_and_the_moves_stay_the_same()
    {
        float[] sample = [.. Enumerable.Range(1, 24 * 24).Select(i => (float)i)];
        var rows = Enumerable.Range(1, 40)
            .Select(view => (View(sample, [1, 24, 24], view, mirror: false).Chunk(24).ElementAt(12),
                View(sample, [1, 24, 24], view).Chunk(24).ElementAt(12))).ToList();
        Assert.All(rows, pair =>
            Assert.True(pair.Item1.Where(value => value > 0).SequenceEqual(pair.Item1.Where(value => value > 0).Order()),
                "left stays left"));
        Assert.All(rows, pair => Assert.True(pair.Item2.SequenceEqual(pair.Item1) || pair.Item2.SequenceEqual(pair.Item1.Reverse())));
        Assert.Contains(rows, pair => !pair.Item2.SequenceEqual(pair.Item1));
    }

    [Fact]
    public void Signal_is_rotated_alike_in_every_channel_and_scaled()
    {
        float[] sample = [.. Enumerable.Range(1, 32).Select(i => (float)i), .. Enumerable.Range(1, 32).Select(i => (float)-i)];
        var moved = View(sample, [2, 32], 1);
        Assert.Equal(moved[..32], moved[32..].Select(value => -value));
        var gain = moved[..32].Max() / 32;
        Assert.InRange(gain, 0.8f, 1.2f);
        Assert.Equal(Enumerable.Range(1, 32).Sum() * gain, moved[..32].Sum(), 2);
    }
}
