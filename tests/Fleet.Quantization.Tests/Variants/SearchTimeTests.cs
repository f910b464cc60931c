using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>How long a search is expected to take, and how that is corrected as it goes.</summary>
public sealed class SearchTimeTests : IDisposable
{
    private static readonly FloatPace Pace = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(0.1), Weights: 0);
    private static readonly SearchSize Usual = new(Pace, Selecting: 10, Reporting: 10, Ranking: 10, Calibrating: 20);

    private readonly ScratchFolder _folder = new();
    private readonly OnnxGraph _graph;

    public SearchTimeTests()
    {
        UnevenModel.Save(_folder);
        _graph = PreparedModel.From(_folder.File("m.onnx"), _folder.Path).Graph;
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Weights_in_bytes_are_expected_to_take_the_plain_models_and_a_share_of_a_ranking()
    {
        // A model takes 1 s to open and ten samples of 0.1 s: four plain ones, and in 0.3 of all cases three layers, of
        // which each takes 0.6 of a model, and five counts.
        Assert.Equal(4 * 2 + 0.3 * (0.6 * 3 + 5) * 2, Seconds(Usual, Effort.Fast, QuantizationSchemes.Int8Weights), 6);
    }

    [Fact]
    public void Ranking_that_schemes_share_is_expected_once()
    {
        var time = new SearchTime(Usual, Effort.Fast, _graph);
        var (first, second) = (time.SearchOf(QuantizationSchemes.Int8U8S8), time.SearchOf(QuantizationSchemes.Int8S8S8));
        Assert.Equal(0.3 * 0.6 * 3 * 2, (first - second).TotalSeconds, 6);
    }

    [Fact]
    public void Nothing_but_plain_models_is_expected_where_nothing_can_help_and_rankings_where_that_is_explained()
    {
        var hopeless = Usual with { IsHopeless = true };
        Assert.Equal(2 * 2, Seconds(hopeless, Effort.Fast, QuantizationSchemes.Int8U8S8), 6);
        Assert.Equal((2 + 0.6 * 3) * 2, Seconds(hopeless, Effort.Balanced, QuantizationSchemes.Int8U8S8), 6);
        Assert.Equal(TimeSpan.Zero, new SearchTime(hopeless, Effort.Fast, _graph).Timing);
    }

    [Fact]
    public void Recipe_is_expected_to_search_for_nothing()
        => Assert.Equal(2 * 2, Seconds(Usual with { IsFixed = true }, Effort.Balanced, QuantizationSchemes.Int8U8S8), 6);

    [Fact]
    public void What_is_left_is_what_was_expected_corrected_by_what_was_taken()
    {
        var clock = new Clock();
        using var deadline = new Deadline(null, clock);
        TimeSpan[] expected = [TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(60)];
        var left = new TimeLeft(expected, after: TimeSpan.FromSeconds(20), deadline);
        Assert.Equal(100, left.After(0).TotalSeconds, 6);
        clock.Elapsed = TimeSpan.FromSeconds(20);
        Assert.Equal(80, left.After(1).TotalSeconds, 6);
        // Twice as slow, of which a quarter of the whole is not believed yet.
        clock.Elapsed = TimeSpan.FromSeconds(40);
        var slower = new TimeLeft(expected, after: TimeSpan.FromSeconds(20), deadline);
        clock.Elapsed += TimeSpan.FromSeconds(40);
        Assert.Equal(80 * (40 + 25) / (20 + 25.0), slower.After(1).TotalSeconds, 6);
    }

    [Fact]
    public void What_is_left_counts_down_within_a_step_to_what_lies_behind_it()
    {
        var clock = new Clock();
        using var deadline = new Deadline(null, clock);
        TimeSpan[] expected = [TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(6)];
        var left = new TimeLeft(expected, after: TimeSpan.FromSeconds(2), deadline);
        clock.Elapsed = TimeSpan.FromSeconds(2);
        var told = new List<string>();
        for (var second = 0; second < 8; second++)
        {
            told.Add(TimeLeft.About(left.After(1)));
            clock.Elapsed += TimeSpan.FromSeconds(1);
        }
        Assert.Equal(["8", "7", "6", "5", "4", "3", "2", "2"], told.Select(text => text.Split(' ')[1]));
    }

    [Fact]
    public void No_more_is_left_than_the_time_limit_leaves()
    {
        var clock = new Clock();
        using var deadline = new Deadline(TimeSpan.FromSeconds(30), clock);
        var left = new TimeLeft([TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(60)], TimeSpan.Zero, deadline);
        Assert.Equal(30, left.After(0).TotalSeconds, 6);
        clock.Elapsed = TimeSpan.FromSeconds(40);
        Assert.Equal(0, left.After(1).TotalSeconds, 6);
    }

    [Theory]
    [InlineData(0, "about 1 s")]
    [InlineData(7.4, "about 7 s")]
    [InlineData(24, "about 20 s")]
    [InlineData(44, "about 40 s")]
    [InlineData(89, "about 90 s")]
    [InlineData(91, "about 2 min")]
    [InlineData(3_500, "about 58 min")]
    [InlineData(7_500, "about 2.1 h")]
    public void Guess_is_told_as_roughly_as_it_is_known(double seconds, string told)
        => Assert.Equal(told, TimeLeft.About(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void It_is_told_before_samples_are_counted_and_again_before_each_variant_and_is_in_the_report()
    {
        var said = new Said();
        var report = new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec
            {
                Onnx = _folder.File("m.onnx"),
                Calibration = _folder.File("samples.npz"),
                Validation = _folder.File("samples.npz"),
            },
            Quantization = new QuantizationSpec { Profiles = ["arm-cpu"], Schemes = ["int8-static-s8s8", "int8-weights"], Effort = "fast" },
        }, _folder.File("out"), said, TestContext.Current.CancellationToken);
        Assert.Equal(
            ["Calibrating (about N s left)", "Making arm-cpu-int8 (about N s left)", "Making arm-cpu-int8-weights (about N s left)"],
            said.Steps.Where(step => step.Contains(" left)", StringComparison.Ordinal)).Select(step => step.Split(": ")[0])
                .Select(step => System.Text.RegularExpressions.Regex.Replace(step, "about [0-9]+", "about N")).Distinct());
        Assert.InRange(report.Expected!.Value.TotalSeconds, 0.5, 60);
    }

    private double Seconds(SearchSize size, Effort effort, IQuantizationScheme scheme)
        => new SearchTime(size, effort, _graph).SearchOf(scheme).TotalSeconds;

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Elapsed { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Elapsed.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
            => System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private sealed class Said : IProgress<BuildProgress>
    {
        public List<string> Steps { get; } = [];

        public void Report(BuildProgress value) => Steps.Add(value.Step);
    }
}
