using Fleet.Modeling.Training;

namespace Fleet.Modeling.Tests.Training;

public sealed class LearningRateTests
{
    [Theory]
    [InlineData(0, 0.1)]
    [InlineData(9, 1)]
    [InlineData(10, 1)]
    [InlineData(55, 0.5)]
    [InlineData(100, 0)]
    public void Rate_warms_up_over_a_tenth_and_falls_along_a_cosine(long step, double expected)
        => Assert.Equal(expected, LearningRate.At(step, 100, 1), 10);

    [Fact]
    public void Rate_of_a_run_of_one_step_is_its_peak()
        => Assert.Equal(0.5, LearningRate.At(0, 1, 0.5));
}
