using CsCheck;
using Fleet.Quantization.Calibration;

namespace Fleet.Quantization.Tests.Calibration;

public sealed class AffineTests
{
    private static readonly IntegerForm[] Known = [IntegerForm.U8S8, IntegerForm.S8S8, IntegerForm.Symmetric8];
    private static readonly Gen<IntegerForm> Forms = Gen.Int[0, 2].Select(index => Known[index]);
    private static readonly Gen<ValueRange> Ranges = Gen.Select(
        Gen.Double[-1e6, 1e6], Gen.Double[0, 1e6], (low, length) => new ValueRange(low, low + length));

    [Fact]
    public void Zero_is_always_exact()
        => Gen.Select(Ranges, Forms).Sample((range, form) => Affine.For(range, form).Round(0, form) == 0);

    [Fact]
    public void Zero_point_is_one_of_the_integers()
        => Gen.Select(Ranges, Forms)
            .Sample((range, form) => Affine.For(range, form).ZeroPoint is var zero && zero >= form.Minimum && zero <= form.Maximum);

    [Fact]
    public void No_value_inside_the_range_moves_by_more_than_a_scale()
        => Gen.Select(Ranges, Forms, Gen.Double[0, 1]).Sample((range, form, position) =>
        {
            var affine = Affine.For(range, form);
            var value = range.Low + position * (range.High - range.Low);
            return Math.Abs(affine.Round(value, form) - value) <= affine.Scale * 1.001;
        });

    [Theory]
    [InlineData(0, 255, 1, 0)]
    [InlineData(-1, 1, 2.0 / 255, 128)]  // 127.5 rounds half to even
    [InlineData(-3, 0, 3.0 / 255, 255)]
    [InlineData(2, 10, 10.0 / 255, 0)]   // widened to hold zero
    public void Unsigned_parameters_are_those_of_the_specification(double low, double high, double scale, int zeroPoint)
    {
        var affine = Affine.For(new ValueRange(low, high), IntegerForm.U8S8);
        Assert.Equal((float)scale, affine.Scale);
        Assert.Equal(zeroPoint, affine.ZeroPoint);
    }

    [Fact]
    public void Halves_round_to_even_as_the_runtimes_round()
    {
        var affine = new Affine(1, 0);
        Assert.Equal([0.0, 2, 2, 4], new[] { 0.5, 1.5, 2.5, 3.5 }.Select(value => affine.Round(value, IntegerForm.U8S8)));
    }

    [Fact]
    public void Symmetric_form_has_zero_point_zero_and_covers_both_sides()
    {
        var affine = Affine.For(new ValueRange(-2, 5), IntegerForm.Symmetric8);
        Assert.Equal(0, affine.ZeroPoint);
        Assert.Equal((float)(10.0 / 254), affine.Scale);
    }

    [Fact]
    public void Value_that_never_was_anything_but_zero_gets_a_usable_scale()
    {
        Assert.Equal(new Affine(1, 0), Affine.For(default, IntegerForm.U8S8));
        Assert.Equal(new Affine(1, -128), Affine.For(default, IntegerForm.S8S8));
        Assert.Equal(new Affine(1, 0), Affine.For(new ValueRange(-1e-44, 1e-44), IntegerForm.Symmetric8));
    }
}
