using Fleet.Contracts.Builds;
using Fleet.Quantization.Tests.Models;

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
        Assert.Contains("The search for a closer one ended early: the time limit of 00:10:00 had passed.", first.Reasons);
        // Half a ranking would return the wrong layers.
        Assert.DoesNotContain(first.Layers, layer => layer.Fate == LayerFate.ReturnedToFloat);
        Assert.Null(second.Artifact);
        Assert.StartsWith("Not tried: the time limit of 00:10:00 had passed.", second.Reasons.Single(), StringComparison.Ordinal);
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

    private QuantizationReport Run(TimeSpan? limit, string? hourAt)
    {
        UnevenModel.Save(_folder);
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
                Schemes = ["int8-static-s8s8", "int8-weights"],
                MinimumSignalToNoise = 32,
                TimeLimit = limit,
            },
        }, _folder.File("out"), new HourAt(clock, hourAt), TestContext.Current.CancellationToken);
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Elapsed { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Elapsed.Ticks;
    }

    /// <summary>Lets an hour pass when a step is told.</summary>
    private sealed class HourAt(Clock clock, string? step) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value)
        {
            if (step is not null && value.Step.Contains(step, StringComparison.Ordinal)) clock.Elapsed += TimeSpan.FromHours(1);
        }
    }
}
