using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Samples;

/// <summary>Labels that are wrong are said to be: a variant loses nothing by them.</summary>
public sealed class LabelChecksTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(5, "The label of sample 39 is 5, and the model tells 5 classes apart, numbered from 0 to 4")]
    [InlineData(-1, "The label of sample 39 is -1, and the model tells 5 classes apart")]
    public void Label_that_is_no_class_of_the_model_is_refused_with_its_sample(long label, string said)
    {
        var labels = Enumerable.Range(0, 40).Select(i => i < 39 ? i % 5L : label).ToArray();
        Assert.Contains(said, Assert.Throws<InvalidDataException>(() => Quantized(NpyArray.Of(labels, 40))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Label_that_is_a_fraction_is_refused_with_its_sample_and_a_whole_number_in_floats_is_taken()
    {
        var labels = Enumerable.Range(0, 40).Select(i => i % 5f).ToArray();
        Assert.True(Quantized(NpyArray.Of(labels, 40)).Labelled);
        labels[7] = 1.5f;
        Assert.Contains("held-out.npz: the label of sample 7 is 1.5, and classes are whole numbers",
            Assert.Throws<InvalidDataException>(() => Quantized(NpyArray.Of(labels, 40))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Float_model_that_is_right_by_chance_alone_is_a_doubt_of_the_report_and_one_that_is_right_is_none()
    {
        // What the model decides, and the class beside it.
        var right = Quantized(NpyArray.Of(Decided(0), 40));
        Assert.Equal((1, null), (right.Original.Accuracy, right.Doubt));
        var shifted = Quantized(NpyArray.Of(Decided(1), 40));
        Assert.Equal(0, shifted.Original.Accuracy);
        Assert.Matches("^The float model itself is right in 0\\.0 % of the samples, where always naming class [0-4] would be in [0-9.]+ %",
            shifted.Doubt!);
    }

    [Theory]
    [InlineData(0.5, 20, true)] // as often as the most frequent class
    [InlineData(0.55, 20, false)]
    [InlineData(0.5, 19, false)] // too few samples to say so
    public void Doubt_takes_samples_and_a_share_no_larger_than_that_of_the_most_frequent_class(double accuracy, int samples, bool doubted)
        => Assert.Equal(doubted,
            LabelChecks.DoubtOf([.. Enumerable.Range(0, samples).Select(i => i < samples / 2 ? 3L : i % 3)], accuracy) is not null);

    [Fact]
    public void Samples_of_one_class_alone_are_no_doubt() => Assert.Null(LabelChecks.DoubtOf([.. Enumerable.Repeat(1L, 50)], 0.9));

    private long[] Decided(int shift)
    {
        using var session = OnnxRuntimeSession.Open(Model());
        var outputs = ModelOutputs.Of(session, new SampleFeeds("x", Inputs(), [32]), TestContext.Current.CancellationToken);
        return [.. outputs.Decisions().Select(decision => (decision + shift) % 5)];
    }

    private QuantizationReport Quantized(NpyArray labels)
    {
        using (var file = File.Create(_folder.File("held-out.npz")))
            NpzArchive.Write(file, [new("x", NpyArray.Of(Inputs(), 40, 32)), new("labels", labels)]);
        return new Quantizer(machine: new DeviceFacts { Architecture = "arm64" }).Run(
            new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = Model(), Validation = _folder.File("held-out.npz") },
                Quantization = new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-weights"], MaximumDrop = 1 },
            },
            _folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
    }

    private static float[] Inputs() => [.. Enumerable.Range(0, 40 * 32).Select(i => MathF.Sin(i * 0.37f + i / 32))];

    private string Model() => new GraphBuilder().Input("x", -1, 32).Weight("w", 32, 5).Node("MatMul", ["x", "w"], "y")
        .Output("y", -1, 5).Save(_folder);
}
