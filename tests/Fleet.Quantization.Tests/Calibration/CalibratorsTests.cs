using Fleet.Quantization.Calibration;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Tests.Calibration;

public sealed class CalibratorsTests
{
    private static readonly IntegerForm Form = IntegerForm.U8S8;

    [Fact]
    public void Minmax_covers_everything()
        => Assert.Equal(new ValueRange(-3, 60), Calibrators.Named("minmax").Choose(Of([-3f, 0, 1, 60]), Form));

    [Fact]
    public void Percentile_clips_a_rare_outlier_and_keeps_what_is_common()
    {
        var range = Calibrators.Named("percentile").Choose(WithOutlier(1000), Form);
        Assert.InRange(range.High, 3, 10);
        Assert.Equal(1000, Calibrators.Named("percentile").Choose(Of([0f, 1, 1000]), Form).High);
    }

    [Theory]
    [InlineData("percentile")]
    [InlineData("entropy")]
    public void Clipping_calibrator_beats_minmax_on_the_values_that_are_common(string name)
    {
        var values = Gaussian(200_000);
        var histogram = new Histogram();
        histogram.Add(values);
        histogram.Add([80f]);
        Assert.True(CommonError(values,
            Calibrators.Named(name).Choose(histogram, Form)) < CommonError(
                values, Calibrators.Named("minmax").Choose(histogram, Form)) / 4);
    }

    [Fact]
    public void Mse_has_the_least_error_of_all()
    {
        // Heavy tails: the cube of a normal value.
        var values = Array.ConvertAll(Gaussian(50_000), value => value * value * value);
        var histogram = new Histogram();
        histogram.Add(values);
        var least = CommonError(values, Calibrators.Named("mse").Choose(histogram, Form));
        Assert.All(["minmax", "percentile", "entropy"],
            name => Assert.True(least <= CommonError(values, Calibrators.Named(name).Choose(histogram, Form)) * 1.01));
        Assert.True(least < CommonError(values, histogram.Range));
    }

    [Fact]
    public void Entropy_is_not_minmax_when_there_are_outliers()
        => Assert.InRange(Calibrators.Named("entropy").Choose(WithOutlier(100), Form).High, 1, 50);

    [Theory]
    [InlineData("mse")]
    [InlineData("entropy")]
    public void Even_values_are_hardly_clipped(string name)
    {
        var histogram = new Histogram();
        histogram.Add([.. Enumerable.Range(0, 100_000).Select(i => i / 100_000f)]);
        Assert.InRange(Calibrators.Named(name).Choose(histogram, Form).High, 0.95, 1.0);
    }

    [Theory]
    [InlineData("minmax")]
    [InlineData("percentile")]
    [InlineData("mse")]
    [InlineData("entropy")]
    public void Value_that_was_always_zero_has_an_empty_range(string name)
        => Assert.Equal(new ValueRange(0, 0), Calibrators.Named(name).Choose(Of([0f, 0, 0]), Form));

    [Fact]
    public void Unknown_calibrator_is_refused_with_the_known_ones()
        => Assert.Contains("entropy, minmax, mse, percentile",
            Assert.Throws<ArgumentException>(() => Calibrators.Named("best")).Message, StringComparison.Ordinal);

    [Fact]
    public void Unknown_scheme_is_refused_with_the_known_ones()
        => Assert.Contains("int8-static-u8s8", Assert.Throws<ArgumentException>(() => QuantizationSchemes.Named("int3")).Message,
            StringComparison.Ordinal);

    private static double CommonError(float[] values, ValueRange range)
    {
        var affine = Affine.For(range, Form);
        return values.Average(value => (value - affine.Round(value, Form)) * (value - affine.Round(value, Form)));
    }

    private static Histogram WithOutlier(float outlier)
    {
        var histogram = new Histogram();
        histogram.Add(Gaussian(100_000));
        histogram.Add([outlier]);
        return histogram;
    }

    private static Histogram Of(float[] values)
    {
        var histogram = new Histogram();
        histogram.Add(values);
        return histogram;
    }

    private static float[] Gaussian(int count)
    {
        var random = new Random(3);
        return [
            .. Enumerable.Range(0, count)
                .Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))),
        ];
    }
}
