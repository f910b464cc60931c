namespace Fleet.Modeling.Tests.Distillation;

public sealed class SignFlipTests
{
    [Fact]
    public void All_on_one_side_is_the_least_that_so_many_can_say()
        => Assert.Equal(2.0 / 256, SignFlip.Probability([0.4, 1.2, 0.1, 3.5, 2.2, 0.7, 0.9, 0.3]));

    // Fisher's own example: Darwin's pairs of cross- and self-fertilized maize, eighths of an inch. He counts 863 of 32,768 sign patterns
    // whose sum is at least 314 in one direction, and as many in the other.
    [Fact]
    public void Darwins_maize_is_as_Fisher_counted_it()
        => Assert.Equal(2.0 * 863 / 32_768,
            SignFlip.Probability([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]));

    [Fact]
    public void Direction_and_unit_do_not_matter()
    {
        var known = SignFlip.Probability([0.1, -0.2, 0.3, 0.3]);
        Assert.Equal(known, SignFlip.Probability([-100, 200, -300, -300]));
        Assert.Equal(known, SignFlip.Probability([0.0001, -0.0002, 0.0003, 0.0003]));
    }

    // Sums of 0.1, 0.2 and 0.3 in another order differ in the last bit, and are as large all the same.
    [Fact]
    public void What_rounds_apart_is_equal() => Assert.Equal(6.0 / 8, SignFlip.Probability([0.3, 0.1, -0.1]));

    [Fact]
    public void Where_nothing_differs_nothing_is_told() => Assert.Equal(1, SignFlip.Probability([0, 0, 0]));

    [Theory]
    [InlineData(0)]
    [InlineData(21)]
    public void Too_many_or_none_are_refused(int count)
        => Assert.Throws<ArgumentException>(() => SignFlip.Probability(new double[count]));
}
