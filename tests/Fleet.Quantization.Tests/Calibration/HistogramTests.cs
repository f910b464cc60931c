using CsCheck;
using Fleet.Quantization.Calibration;

namespace Fleet.Quantization.Tests.Calibration;

public sealed class HistogramTests
{
    private static readonly Gen<float[]> Values = Gen.Select(
        Gen.Float[-1, 1].Array[1, 50], Gen.Int[-20, 20], (values, power) => Array.ConvertAll(values, value => MathF.ScaleB(value, power)));

    [Fact]
    public void Every_value_is_counted_however_far_the_range_grows()
        => Values.Array[1, 20].Sample(batches =>
        {
            var histogram = Of(batches);
            return histogram.Occupied().Sum(bin => bin.Count) == batches.Sum(batch => batch.Length)
                && histogram.Count == batches.Sum(batch => batch.Length);
        });

    [Fact]
    public void Range_is_exact()
        => Values.Array[1, 10].Sample(batches =>
        {
            var all = batches.SelectMany(batch => batch).ToArray();
            return Of(batches).Range == new ValueRange(all.Min(), all.Max());
        });

    [Fact]
    public void Order_of_the_values_hardly_matters()
        => Values.Array[2, 10].Sample(batches =>
        {
            var (one, other) = (Of(batches), Of([.. batches.Reverse()]));
            // Bin edges are multiples of a power of two, whichever batch came first: a finer width folds into a coarser one.
            var width = Math.Max(Width(one), Width(other));
            return Folded(one, width).SequenceEqual(Folded(other, width));
        });

    [Fact]
    public void Zeros_before_anything_else_are_not_lost()
    {
        var histogram = Of([[0f, 0f, 0f], [5f]]);
        Assert.Equal(4, histogram.Count);
        Assert.Equal(3, histogram.Occupied().First().Count);
    }

    [Fact]
    public void Value_more_bins_away_than_a_long_counts_is_counted()
    {
        var histogram = Of([[1e-24f], [-470f], [float.MaxValue]]);
        Assert.Equal(3, histogram.Occupied().Sum(bin => bin.Count));
        Assert.Equal(new ValueRange(-470f, float.MaxValue), histogram.Range);
    }

    [Fact]
    public void Value_that_is_not_a_number_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new Histogram().Add([1f, float.NaN]));
        Assert.Throws<ArgumentException>(() => new Histogram().Add([float.PositiveInfinity]));
    }

    private static Histogram Of(float[][] batches)
    {
        var histogram = new Histogram();
        foreach (var batch in batches) histogram.Add(batch);
        return histogram;
    }

    private static double Width(Histogram histogram)
    {
        var span = histogram.Range.WithZero();
        return Math.Pow(2, Math.Ceiling(Math.Log2(Math.Max(span.High - span.Low, 1e-30) / 512)));
    }

    private static IEnumerable<(double, long)> Folded(Histogram histogram, double width)
        => histogram.Occupied().GroupBy(bin => Math.Floor(bin.Value / width)).OrderBy(group => group.Key)
            .Select(group => (group.Key, group.Sum(bin => bin.Count)));
}
