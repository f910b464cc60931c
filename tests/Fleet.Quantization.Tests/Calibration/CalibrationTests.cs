using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Calibration;

[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>Looks at the memory of the process, so that no other test may run beside it.</summary>
[Collection(nameof(Alone))]
public sealed class CalibrationMemoryTests
{
    [Fact]
    public void Memory_does_not_grow_with_the_samples()
    {
        var few = LiveBytesAtTheEndOf(samples: 64);
        var many = LiveBytesAtTheEndOf(samples: 6400);
        // A hundred times the samples; their activations together would be 100 MB.
        Assert.InRange(many, 0, few + (1 << 20));
    }

    private static long LiveBytesAtTheEndOf(int samples)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.ConvRelu(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var source = new Watched(TinyModels.SamplesFor(prepared.Model, 64, seed: 1).Feeds("x"), samples / 64);
        CalibrationRun.Count(prepared.Model, ["x", "r1", "y"], source, 16, TestContext.Current.CancellationToken);
        return source.LiveBytes;
    }

    /// <summary>The same samples again and again; looks at the memory that is alive while the last ones are asked for.</summary>
    private sealed class Watched(SampleFeeds samples, int repeats) : IFeedSource
    {
        public int Count => samples.Count * repeats;

        public long LiveBytes { get; private set; }

        public IEnumerable<Feed> Batches(int batchSize)
        {
            for (var i = 0; i < repeats; i++)
            {
                foreach (var feed in samples.Batches(batchSize)) yield return feed;
            }
            LiveBytes = GC.GetTotalMemory(forceFullCollection: true);
        }
    }
}

public sealed class CalibrationTests
{
    [Fact]
    public void Ranges_are_those_of_the_activations()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.ConvRelu(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var samples = TinyModels.SamplesFor(prepared.Model, 40, seed: 1);
        var histograms = CalibrationRun.Count(
            prepared.Model, ["x", "r1", "y"], samples.Feeds("x"), batchSize: 7, TestContext.Current.CancellationToken);

        Assert.Equal(new ValueRange(samples.Inputs.Min(), samples.Inputs.Max()), histograms["x"].Range);
        Assert.Equal(0, histograms["r1"].Range.Low);
        Assert.Equal(40 * 8 * 64, histograms["r1"].Count);
        using var session = OnnxRuntimeSession.Open(folder.File("m.onnx"));
        var outputs = ModelOutputs.Of(session, samples.Feeds("x"), TestContext.Current.CancellationToken).Values;
        Assert.Equal(outputs.Max(), histograms["y"].Range.High, 1e-4);
    }

    [Fact]
    public void Sample_that_is_not_a_number_is_refused_by_the_name_of_the_value()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.ConvRelu(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var samples = TinyModels.SamplesFor(prepared.Model, 2, seed: 1);
        samples.Inputs[5] = float.NaN;
        var refusal = Assert.Throws<InvalidDataException>(
            () => CalibrationRun.Count(prepared.Model, ["x"], samples.Feeds("x"), 1, TestContext.Current.CancellationToken));
        Assert.Contains("'x'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Large_activations_make_batches_small_and_not_runs_many()
    {
        const int Side = 1024, Samples = 20;
        var model = new GraphBuilder().Input("x", -1, Side, Side)
            .Node("Neg", ["x"], "a").Node("Abs", ["a"], "b").Node("Relu", ["a"], "c").Node("Add", ["b", "c"], "y")
            .Output("y", -1, Side, Side).Build();
        var source = new Counted(new TinySamples(new float[Samples * Side * Side], [Side, Side], new long[Samples]).Feeds("x"));
        var histograms = CalibrationRun.Count(
            model, ["a", "b", "c", "y"], source, batchSize: Samples, TestContext.Current.CancellationToken);
        Assert.All(histograms.Values, histogram => Assert.Equal(Samples * Side * Side, histogram.Count));
        // One sample tells how large they are; 16 have 256 MiB of activations.
        Assert.Equal([1, 16, 4], source.Served);
    }

    [Fact]
    public void No_samples_is_an_error_and_not_an_empty_range()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.ConvRelu(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        Assert.Throws<InvalidDataException>(() =>
            CalibrationRun.Count(prepared.Model, ["r1"], TinyModels.SamplesFor(prepared.Model, 0, 1).Feeds("x"), 1,
                TestContext.Current.CancellationToken));
    }

    /// <summary>Notes how many samples each feed it served has.</summary>
    private sealed class Counted(SampleFeeds samples) : IFeedSource
    {
        public int Count => samples.Count;

        public List<long> Served { get; } = [];

        public IEnumerable<Feed> Batches(int batchSize) => samples.Batches(batchSize).Select(feed =>
        {
            Served.Add(feed.Values.Single().GetTensorTypeAndShape().Shape[0]);
            return feed;
        });
    }
}
