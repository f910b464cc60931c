using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;

namespace Fleet.Modeling.Tests.Training;

public sealed class PictureOperationsTests
{
    public PictureOperationsTests() => NativeEnvironment.Prepare();

    private static float[] Applied(float[] image, int[] shape, int operations, int magnitude, int seed)
    {
        float[] copy = [.. image];
        PictureOperations.Apply(copy, shape, operations, magnitude, new Random(seed));
        return copy;
    }

    private static float[] Image(int channels, float low, float span)
    {
        var random = new Random(2);
        return [.. Enumerable.Range(0, channels * 10 * 14).Select(_ => low + span * random.NextSingle())];
    }

    [Theory]
    [InlineData(1, 0f, 1f)]
    [InlineData(1, -3f, 2f)]
    [InlineData(3, 0f, 255f)]
    [InlineData(4, -1f, 2f)]
    public void Image_stays_within_its_range_and_is_a_function_of_the_seed(int channels, float low, float span)
    {
        var (image, shape) = (Image(channels, low, span), new[] { channels, 10, 14 });
        var (least, most) = (image.Min() - 1e-4f * span, image.Max() + 1e-4f * span);
        double Change(int magnitude, int seed)
        {
            var changed = Applied(image, shape, 2, magnitude, seed);
            Assert.All(changed, value => Assert.InRange(value, least, most));
            Assert.Equal(changed, Applied(image, shape, 2, magnitude, seed));
            return changed.Zip(image, (one, other) => Math.Abs(one - other)).Average() / span;
        }
        var weak = Enumerable.Range(0, 60).Select(seed => Change(1, seed)).ToArray();
        var strong = Enumerable.Range(0, 60).Select(seed => Change(10, seed)).ToArray();
        Assert.True(strong.Average() > 1.5 * weak.Average(), $"{strong.Average()} against {weak.Average()}");
        Assert.True(strong.Distinct().Count() > 30);
    }

    [Fact]
    public void Image_of_one_shade_stays_as_it_is()
    {
        float[] image = [.. Enumerable.Repeat(7f, 3 * 10 * 14)];
        for (var seed = 0; seed < 60; seed++)
            Assert.All(Applied(image, [3, 10, 14], 1, 10, seed), value => Assert.Equal(7, value, 1e-3f));
    }

    [Fact]
    public void Operations_turn_shift_and_shear_and_what_comes_in_is_dark()
    {
        // A bright point right of the middle, on dark that is not zero.
        var image = Enumerable.Repeat(-2f, 21 * 21).ToArray();
        image[10 * 21 + 16] = 5;
        var places = new HashSet<(int Row, int Column)>();
        for (var seed = 0; seed < 200; seed++)
        {
            var changed = Applied(image, [1, 21, 21], 1, 10, seed);
            var at = Array.IndexOf(changed, changed.Max());
            if (changed.Min() >= -2.001f && changed.Count(value => value > 1) is > 0 and < 9) places.Add((at / 21, at % 21));
        }
        Assert.Contains((10, 16), places);
        // Turned by 30 degrees it is three rows higher or lower, and a column further in.
        Assert.Contains(places, place => Math.Abs(place.Row - 10) == 3 && place.Column is 15);
        // Shifted by 45 %.
        Assert.Contains(places, place => Math.Abs(place.Row - 10) is 9 or 10 && place.Column == 16);
        Assert.Contains(places, place => place.Row == 10 && place.Column is 6 or 7);
    }
}
