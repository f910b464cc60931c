using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>A search that may take so long and no longer.</summary>
public sealed class TimeLimitTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Search_that_the_limit_ends_takes_the_best_so_far_and_what_has_not_begun_is_not_made()
    {
        var report = Run(TimeSpan.FromMinutes(10), "ranking layers, 2 of 3");
        var (first, second) = (report.Variants[0], report.Variants[1]);
        Assert.NotNull(first.Artifact);
        Assert.Contains("The search for a closer one ended early: the time limit of 10 min had passed.", first.Reasons);
        // Half a ranking would return the wrong layers.
        Assert.DoesNotContain(first.Layers, layer => layer.Fate == LayerFate.ReturnedToFloat);
        Assert.Null(second.Artifact);
        Assert.StartsWith("Not tried: the time limit of 10 min had passed.", second.Reasons.Single(), StringComparison.Ordinal);
        Assert.True(report.Variants[^1] is { Scheme: "fp32", Chosen: true });
    }

    [Fact]
    public void Limit_that_is_not_reached_changes_nothing()
    {
        var (limited, free) = (Run(TimeSpan.FromMinutes(10), null), Run(null, null));
        Assert.Equal(free.Variants.Select(variant => (variant.Id, variant.Artifact?.Sha256)),
            limited.Variants.Select(variant => (variant.Id, variant.Artifact?.Sha256)));
        Assert.DoesNotContain(limited.Variants.SelectMany(variant => variant.Reasons),
            reason => reason.Contains("time limit", StringComparison.Ordinal));
    }

    [Fact]
    public void Technique_that_is_being_tried_when_time_is_up_is_ended_and_left_out()
    {
        const string Technique = "activation-aware scaling";
        string[] nearest = ["int4-weights"];
        Assert.Contains(Technique, Run(null, null, nearest, loud: true).Variants[0].Techniques);
        var cut = Run(TimeSpan.FromMinutes(10), Technique, nearest, loud: true).Variants[0];
        Assert.NotNull(cut.Artifact);
        Assert.Empty(cut.Techniques);
        Assert.Contains("The search for a closer one ended early: the time limit of 10 min had passed.", cut.Reasons);
    }

    [Theory]
    [InlineData("int4-weights-gptq")]
    [InlineData("int4-weights-hqq")]
    [InlineData("mixed-weights")]
    public void Variant_whose_weights_are_being_rounded_when_time_is_up_is_not_made_and_says_so(string scheme)
    {
        var report = Run(TimeSpan.FromMinutes(10), "Making arm-cpu", [scheme], afterNextQuestion: true);
        Assert.Null(report.Variants[0].Artifact);
        Assert.StartsWith("Not made: the time limit of 10 min passed while its weights were rounded. Give it more",
            report.Variants[0].Reasons.Single(), StringComparison.Ordinal);
        Assert.True(report.Variants[^1] is { Scheme: "fp32", Chosen: true });
    }

    [Fact]
    public void Calibration_that_the_limit_ends_reads_no_further_sample_and_no_variant_begins()
    {
        UnevenModel.Save(_folder);
        var clock = new Clock();
        using var deadline = new Deadline(TimeSpan.FromMinutes(10), clock);
        var random = new Random(7);
        var samples = new SampleFeeds("x", [.. Enumerable.Range(0, 16 * 64).Select(_ => random.NextSingle() * 2 - 1)], [64]);
        var calibration = new EndsAfter(samples, clock.PassAnHour);
        var made = new VariantMaker().Make(new VariantRequest(_folder.File("m.onnx"), calibration, HeldOut.Of(samples),
            VariantSettings.Of(new QuantizationSpec { Profiles = ["arm-cpu"] }, [BuiltInProfiles.ArmCpu]), _folder.File("out"))
        {
            Deadline = deadline,
        }, new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.Equal(1, calibration.Read);
        Assert.All(made.Variants.SkipLast(1), variant => Assert.StartsWith(
            "Not tried: the time limit of 10 min had passed.", variant.Reasons.Single(), StringComparison.Ordinal));
        Assert.True(made.Variants[^1] is { Scheme: "fp32", Chosen: true });
        // There was nothing that it was better than.
        Assert.Contains("The float model itself: no variant was made.", made.Variants[^1].Reasons);
    }

    [Theory]
    [InlineData(1, "1 s")]
    [InlineData(5_400, "1 h 30 min")]
    [InlineData(90_061, "25 h 1 min 1 s")]
    [InlineData(0.5, "500 ms")]
    public void Limit_is_told_as_people_write_it(double seconds, string text)
    {
        using var deadline = new Deadline(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        Assert.Equal(text, deadline.Text);
    }

    private QuantizationReport Run(
        TimeSpan? limit, string? hourAt, string[]? schemes = null, bool loud = false, bool afterNextQuestion = false)
    {
        UnevenModel.Save(_folder);
        if (loud) MakeSamplesLoud();
        var clock = new Clock();
        return new Quantizer(clock).Run(new QuantizationRequest
        {
            Source = new SourceSpec
            {
                Onnx = _folder.File("m.onnx"),
                Calibration = _folder.File("samples.npz"),
                Validation = _folder.File("samples.npz"),
            },
            Quantization = new QuantizationSpec
            {
                Profiles = ["arm-cpu"],
                Schemes = schemes ?? ["int8-static-s8s8", "int8-weights"],
                MinimumSignalToNoise = 32,
                TimeLimit = limit,
            },
        }, _folder.File("out"), new HourAt(clock, hourAt, afterNextQuestion), TestContext.Current.CancellationToken);
    }

    /// <summary>Some channels of the samples are so large that their weights matter most.</summary>
    private void MakeSamplesLoud()
    {
        var random = new Random(6);
        float[] values = [.. Enumerable.Range(0, 64 * 64).Select(i => (random.NextSingle() * 2 - 1) * (i % 64 < 6 ? 40 : 1))];
        using var file = File.Create(_folder.File("samples.npz"));
        NpzArchive.Write(file, [new("x", NpyArray.Of(values, 64, 64))]);
    }

    private sealed class Clock : TimeProvider
    {
        private readonly List<(TimeSpan Due, Action Fire)> _timers = [];
        private TimeSpan _elapsed;

        /// <summary>True: whoever asks next is told the time before, and then an hour passes.</summary>
        public bool PassesAfterNextQuestion { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp()
        {
            var now = _elapsed.Ticks;
            if (PassesAfterNextQuestion) PassAnHour();
            return now;
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _timers.Add((_elapsed + dueTime, () => callback(state)));
            return new Timer();
        }

        public void PassAnHour()
        {
            PassesAfterNextQuestion = false;
            _elapsed += TimeSpan.FromHours(1);
            foreach (var (_, fire) in _timers.Where(timer => timer.Due <= _elapsed).ToArray()) fire();
        }

        private sealed class Timer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }

    /// <summary>Lets an hour pass when a step is told, or when somebody has asked for the time after that.</summary>
    private sealed class HourAt(Clock clock, string? step, bool afterNextQuestion) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value)
        {
            if (step is null || !value.Step.Contains(step, StringComparison.Ordinal)) return;
            if (afterNextQuestion) clock.PassesAfterNextQuestion = true;
            else clock.PassAnHour();
        }
    }

    /// <summary>Samples one by one, after the first of which time is up; a look at the first alone does not count.</summary>
    private sealed class EndsAfter(IFeedSource samples, Action pass) : IFeedSource
    {
        public int Count => samples.Count;

        public int Read { get; private set; }

        public IEnumerable<Feed> Batches(int batchSize)
        {
            foreach (var feed in samples.Batches(1))
            {
                yield return feed;
                if (Read++ == 0) pass();
            }
        }
    }
}
