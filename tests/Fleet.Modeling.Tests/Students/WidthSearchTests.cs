using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Students;

public sealed class WidthSearchTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public WidthSearchTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static SampleSet Noise(int[] shape, int seed)
    {
        var random = new Random(seed);
        return new SampleSet([
            .. Enumerable.Range(0, 40 * shape.Aggregate((product, extent) => product * extent)).Select(_ => (float)random.NextDouble()),
        ], shape, [.. Enumerable.Range(0, 40).Select(i => (long)(i % 3))]);
    }

    private IReadOnlyList<WidthTrial> Find(string family, StudentBudget budget, params int[] shape)
    {
        var data = new DataSet(Noise(shape, 1), Noise(shape, 2), Noise(shape, 3), ["a", "b", "c"]);
        var found = WidthSearch.Find(new StudentSpec { Family = family, Width = StudentWidth.Auto, Budget = budget }, BuiltInProfiles.X64,
            data, Normalization.Measure(data.Training), _folder.Path, _ => { }, CancellationToken.None);
        Assert.Empty(Directory.GetFiles(_folder.Path));
        return found;
    }

    // 64 bytes are kept for what a trained file has more.
    [Theory]
    [InlineData("cnn", 30_000, 1, 12, 12)]
    [InlineData("cnn-separable", 30_000, 1, 12, 12)]
    [InlineData("conv1d", 100_000, 2, 64)]
    [InlineData("mlp", 60_000, 20)]
    public void Largest_width_within_the_bytes_is_found(string family, int bytes, params int[] shape)
    {
        var tried = Find(family, new StudentBudget { MaximumBytes = bytes }, shape);
        var best = tried.Where(trial => trial.Fits).MaxBy(trial => trial.Width)!;
        var next = tried.Where(trial => !trial.Fits).MinBy(trial => trial.Width)!;
        Assert.Equal(best.Width + 1, next.Width);
        Assert.True(best.Bytes <= bytes - 64 && next.Bytes > bytes - 64, $"{best} {next}");
        Assert.All(tried, trial => Assert.Null(trial.LatencyP95));
        Assert.Equal(tried.Select(trial => trial.Width).Distinct().Count(), tried.Count);
        // Nothing much larger than the answer is made.
        Assert.All(tried, trial => Assert.InRange(trial.Width, 4, 2 * best.Width + 4));
        Assert.InRange((double)best.Bytes / bytes, 0.8, 1);
    }

    [Fact]
    public void Budget_that_everything_meets_gives_the_largest_width()
        => Assert.Equal(1024, Find("mlp", new StudentBudget { MaximumBytes = long.MaxValue }, 4)
            .Where(trial => trial.Fits).Max(trial => trial.Width));

    [Fact]
    public void Budget_that_nothing_meets_is_refused_with_what_the_smallest_needs()
    {
        var failure = Assert.Throws<BuildException>(() => Find("cnn", new StudentBudget { MaximumBytes = 1024 }, 1, 12, 12));
        Assert.Contains("the smallest, 1, makes", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("Of the budget 64 bytes are kept in reserve.", failure.Message, StringComparison.Ordinal);
        Assert.Equal("64 bytes and a tenth of the time are", WidthSearch.Reserved(
            new StudentBudget { MaximumBytes = 1024, MaximumLatencyP95 = TimeSpan.FromMilliseconds(1) }));
    }

    // Two limits of one file: bytes of the 8-bit file and time of the float file are nobody's.
    [Theory]
    [InlineData(100, 2.0, 300, 1.0, 200L, 3.0, 100, true)]
    [InlineData(100, 2.0, 300, 1.0, 200L, 1.5, 100, false)]
    [InlineData(100, 2.0, 300, 1.0, 400L, 1.5, 300, true)]
    [InlineData(100, 2.0, 300, 1.0, null, 1.5, 300, true)]
    [InlineData(100, 2.0, 300, 1.6, null, 1.5, 100, false)]
    // The float file of a tiny network may be the smaller one.
    [InlineData(300, 2.0, 100, 1.0, 200L, 3.0, 100, true)]
    [InlineData(300, 1.0, 100, 4.0, 200L, 3.0, 100, false)]
    // Within a tenth of the limit another timing may be beyond it.
    [InlineData(100, 2.0, 300, 2.5, 200L, 2.1, 100, false)]
    [InlineData(100, 2.0, 300, 2.5, 200L, 2.21, 100, true)]
    public void One_file_keeps_all_limits(
        long bytes, double time, long floatBytes, double floatTime, long? most, double longest, long counts, bool fits)
    {
        var (file, isWithin) = WidthSearch.Judge(new FileCost(bytes, TimeSpan.FromMilliseconds(time)),
            new FileCost(floatBytes, TimeSpan.FromMilliseconds(floatTime)),
            new StudentBudget { MaximumBytes = most, MaximumLatencyP95 = TimeSpan.FromMilliseconds(longest) });
        Assert.Equal((counts, fits), (file.Bytes, isWithin));
    }

    [Fact]
    public void Latency_bounds_the_width_too()
    {
        // A second is beyond any of these and a tick below all: a busy machine does not decide.
        var tried = Find("mlp", new StudentBudget { MaximumLatencyP95 = TimeSpan.FromSeconds(1), MaximumBytes = 20_000 }, 20);
        Assert.All(tried.Where(trial => trial.Fits),
            trial => Assert.InRange(trial.LatencyP95!.Value, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(1)));
        Assert.Throws<BuildException>(() => Find("mlp", new StudentBudget { MaximumLatencyP95 = TimeSpan.FromTicks(1) }, 20));
    }
}
