using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Evaluation;

/// <summary>Variants that are judged and timed on batches of several samples.</summary>
public sealed class BatchTests : IDisposable
{
    private const int Width = 64;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Batches_judge_what_samples_beside_cost_and_devices_are_promised_what_they_measure_one_by_one()
    {
        var (alone, together) = (Make(batch: null), Make(batch: 4));
        var (one, four) = (alone["int8-dynamic"], together["int8-dynamic"]);
        // Every fourth sample is eight times louder: up to 18 dB for the three beside it.
        Assert.InRange(one.Closeness!.SignalToNoise - four.Closeness!.SignalToNoise, 0.5, 18.5);
        Assert.Equal(one.Scores!.Metrics.Single(figure => figure.Name == Metric.SignalToNoise.Name).Value,
            four.Travelling!.Metrics.Single(figure => figure.Name == Metric.SignalToNoise.Name).Value, 3);
        Assert.Null(one.Travelling);
        // The steps of static int8 are fixed.
        Assert.Equal(alone["int8-static-u8s8"].Closeness!.SignalToNoise, together["int8-static-u8s8"].Closeness!.SignalToNoise, 3);
    }

    [Fact]
    public void Variants_are_timed_one_by_one_and_on_batches()
    {
        var made = Make(batch: 4);
        Assert.All(made.Values.Where(variant => variant.Scheme != "fp32"), variant =>
        {
            Assert.NotNull(variant.SpeedUp);
            Assert.Equal(4, variant.Batch!.Size);
            Assert.InRange(variant.Batch.SpeedUp, variant.Batch.SpeedUpInterval.Low, variant.Batch.SpeedUpInterval.High);
            Assert.True(variant.Batch.Latency.P50 > TimeSpan.Zero);
        });
        Assert.All(Make(batch: null).Values, variant => Assert.Null(variant.Batch));
    }

    [Fact]
    public void Last_batch_is_filled_and_every_sample_is_told_once()
    {
        using var session = OnnxRuntimeSession.Open(Save(-1));
        var samples = Samples(10);
        var together = SampleOutputs.Each(session, samples, ["y"], TestContext.Current.CancellationToken, batch: 4).ToArray();
        var alone = SampleOutputs.Each(session, samples, ["y"], TestContext.Current.CancellationToken).ToArray();
        Assert.Equal(10, together.Length);
        Assert.All(together.Zip(alone),
            pair => Assert.Equal(pair.Second.Values[0], pair.First.Values[0], (one, other) => Math.Abs(one - other) < 1e-4));
        Assert.All(new StackedFeeds(samples, 4).Batches(1), feed =>
        {
            using (feed) Assert.Equal([4, Width], feed.Values.Single().GetTensorTypeAndShape().Shape);
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void Model_of_another_batch_is_refused_with_its_own(int takes)
        => Assert.Equal($"The model cannot be judged on batches of 4: input x takes {takes} at a time ({takes}x64). Export the model with "
            + $"a free first dimension, ask for batches of {takes}, or leave it out (--batch, in a build spec quantization.batch).",
            Refusal(Save(takes), Samples(8)));

    [Fact]
    public void Samples_of_a_model_of_that_very_batch_are_batches_already()
    {
        using var session = OnnxRuntimeSession.Open(Save(4));
        Assert.Equal(1, BatchRules.SizeOf(session, Samples(8), 4, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Model_that_mixes_the_samples_of_a_batch_is_refused()
    {
        var model = new GraphBuilder().Input("x", -1, Width).Node("ReduceMean", ["x"], "m", node => node.With("axes", [0L]))
            .Node("Sub", ["x", "m"], "d").Weight("w", Width, 8).Node("MatMul", ["d", "w"], "y").Output("y", -1, 8).Save(_folder);
        Assert.Contains("the float model answers a sample otherwise beside others than alone", Refusal(model, Samples(8)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_of_several_shapes_are_refused()
    {
        var model = new GraphBuilder().Input("x", -1, -1).Node("Relu", ["x"], "y").Output("y", -1, -1).Save(_folder);
        Assert.StartsWith("The model cannot be judged on batches of 4: samples have several shapes (x 1x64 and x 1x32). Give samples "
            + "of one shape", Refusal(model, new Joined(Samples(4), new SampleFeeds("x", new float[64], [32]))), StringComparison.Ordinal);
    }

    private static string Refusal(string model, IFeedSource samples)
    {
        using var session = OnnxRuntimeSession.Open(model);
        return Assert.Throws<InvalidDataException>(
            () => BatchRules.SizeOf(session, samples, 4, TestContext.Current.CancellationToken)).Message;
    }

    private Dictionary<string, VariantReport> Make(int? batch) => new VariantMaker(
        new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(Save(-1), Samples(32), HeldOut.Of(Samples(32)), VariantSettings.Of(
                new QuantizationSpec { Schemes = ["int8-dynamic", "int8-static-u8s8"], Batch = batch, Effort = "fast" },
                [BuiltInProfiles.X64]), _folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants.ToDictionary(variant => variant.Scheme);

    private string Save(long batch) => new GraphBuilder().Input("x", batch, Width).Weight("w1", Width, 128).Weight("w2", 128, 32)
        .Node("MatMul", ["x", "w1"], "a").Node("Relu", ["a"], "r").Node("MatMul", ["r", "w2"], "y").Output("y", batch, 32).Save(_folder);

    /// <summary>Samples, every fourth of which is louder.</summary>
    private static SampleFeeds Samples(int count)
    {
        var random = new Random(3);
        return new SampleFeeds("x", [
            .. Enumerable.Range(0, count * Width).Select(i => (random.NextSingle() * 2 - 1) * (i / Width % 4 == 3 ? 8 : 1)),
        ], [Width]);
    }

    private sealed class Joined(IFeedSource first, IFeedSource second) : IFeedSource
    {
        public int Count => first.Count + second.Count;

        public IEnumerable<Feed> Batches(int batchSize) => first.Batches(1).Concat(second.Batches(1));
    }
}
