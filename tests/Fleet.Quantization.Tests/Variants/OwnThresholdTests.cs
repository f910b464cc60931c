using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>A variant's own threshold: what is told of it afterwards, and of one that has none.</summary>
public sealed class OwnThresholdTests
{
    private const int Width = 32, Count = 40;

    [Fact]
    public void Figures_after_a_threshold_moved_reach_what_the_samples_that_chose_say()
    {
        var moved = Variant(end: 1);
        Assert.DoesNotContain(moved.Reasons, reason => reason.Contains("threshold", StringComparison.Ordinal));
        // The samples that chose are the harder ones here.
        var chosen = moved.Selected!.Value;
        Assert.True(chosen < moved.Closeness!.SignalToNoise - 3, $"{chosen} {moved.Closeness}");
        Assert.Equal(chosen, moved.Intervals.Single(one => one.Name == Metric.SignalToNoise.Name).Low, 1e-9);
    }

    [Fact]
    public void Both_parts_of_the_samples_judge_the_variant_as_it_ships()
    {
        // A score a fifth lower than the float model's is 14 dB from it.
        var moved = Variant(end: 1.25f);
        Assert.InRange(moved.Closeness!.SignalToNoise, 12, 16);
        Assert.InRange(moved.Selected!.Value, 12, 16);
        Assert.True(Variant(end: 1).Selected!.Value is < 11 or > 17);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(0f)]
    public void End_that_is_no_threshold_is_named_and_not_the_graph(float end)
    {
        var sentence = Assert.Single(Variant(end).Reasons, reason => reason.Contains("threshold", StringComparison.Ordinal));
        Assert.Equal(FormattableString.Invariant($"It has the float model's threshold: its own normal samples end at {end} times that, ")
            + "which no threshold of its graph can be.", sentence);
    }

    [Fact]
    public void Score_that_is_no_quotient_is_named()
    {
        var (model, hindrance) = Threshold(end: 2).Moved(Scores(divided: false), 2);
        Assert.Null(model);
        Assert.Equal("its score is no quotient by a constant any more.", hindrance);
    }

    private static OwnThreshold Threshold(float end) => new("threshold", _ => end, _ => FalsePositives.Of(1, 10, 0));

    private static VariantReport Variant(float end)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Scores(divided: true), folder.File("m.onnx"));
        var random = new Random(3);
        var chosen = SampleSplit.Of([.. Enumerable.Range(0, Count)]).Selection.ToHashSet();
        // Small ones lose more by a step that is one for all.
        var inputs = Enumerable.Range(0, Count * Width)
            .Select(i => (random.NextSingle() - 0.5f) * (chosen.Contains(i / Width) ? 0.05f : 1)).ToArray();
        var samples = new SampleFeeds("x", inputs, [Width]);
        var spec = new QuantizationSpec
        {
            Schemes = ["int8-static-u8s8"],
            Calibrator = "minmax",
            MinimumSignalToNoise = 1,
            Effort = "fast",
        };
        return new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(folder.File("m.onnx"), samples, HeldOut.Of(samples), VariantSettings.Of(spec, [BuiltInProfiles.X64]),
                folder.File("out"))
            { Threshold = Threshold(end) },
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants[0];
    }

    private static ModelProto Scores(bool divided)
    {
        var graph = new GraphBuilder().Input("x", -1, Width).Weight("w1", Width, 64).Weight("w2", 64, 16)
            .Constant(Tensors.Of("threshold", [0.5f])).Node("MatMul", ["x", "w1"], "h").Node("Relu", ["h"], "r")
            .Node("MatMul", ["r", "w2"], "m").Node("Abs", ["m"], "a")
            .Node("ReduceMean", ["a"], divided ? "s" : "score", node => node.With("axes", [1L]).With("keepdims", 0L));
        return (divided ? graph.Node("Div", ["s", "threshold"], "score") : graph).Output("score", -1).Build();
    }
}
