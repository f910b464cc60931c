using Fleet.Modeling.Training;

namespace Fleet.Modeling.Tests.Training;

public sealed class TimeWarpTests
{
    private const int Length = 100;

    [Fact]
    public void Time_goes_on_from_beginning_to_end_faster_here_and_slower_there_alike_in_every_channel()
    {
        float[] series = [.. Enumerable.Range(0, Length).Select(at => (float)at), .. Enumerable.Range(0, Length).Select(at => -2f * at)];
        var (furthest, fastest) = (0f, 0f);
        for (var seed = 0; seed < 100; seed++)
        {
            var warped = new float[2 * Length];
            TimeWarp.Write(series, [2, Length], warped, new Random(seed));
            Assert.Equal(0, warped[0]);
            Assert.Equal(Length - 1, warped[Length - 1], 1e-3f);
            for (var at = 0; at < Length; at++)
            {
                Assert.Equal(-2 * warped[at], warped[Length + at], 1e-3f);
                furthest = Math.Max(furthest, Math.Abs(warped[at] - at));
                if (at == 0) continue;
                Assert.InRange(warped[at] - warped[at - 1], 0.3f, 3f);
                fastest = Math.Max(fastest, warped[at] - warped[at - 1]);
                // Smoothly: speed changes by little from moment to moment.
                if (at > 1) Assert.Equal(warped[at - 1] - warped[at - 2], warped[at] - warped[at - 1], 0.1f);
            }
        }
        Assert.InRange(furthest, 5, 25);
        Assert.InRange(fastest, 1.3f, 2.5f);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Series_of_hardly_any_moment_stays_as_it_is(int length)
    {
        float[] series = [.. Enumerable.Range(0, 3 * length).Select(at => (float)at)];
        var warped = new float[3 * length];
        TimeWarp.Write(series, [3, length], warped, new Random(1));
        Assert.Equal(series, warped);
    }
}
