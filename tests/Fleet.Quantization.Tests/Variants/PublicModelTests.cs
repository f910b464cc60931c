using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using Google.Protobuf;
using SpeechFrames = Fleet.TestKit.SpeechFrames;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>
/// Public models from ../shared/data: an old exporter's detector, a new exporter's classifier, a recurrent detector of speech.
/// </summary>
public sealed class PublicModelTests
{
    [Theory]
    [InlineData("onnx-ultraface/version-RFB-320.onnx", "int8-static-u8s8", 18, 0.37)] // its anchor boxes are constants that stay float
    [InlineData("onnx-ultraface/version-RFB-320_simplified.onnx", "int8-static-u8s8", 18, 0.31)]
    [InlineData("onnx-ultraface/version-RFB-320_simplified.onnx", "int8-static-s8s8", 18, 0.31)]
    [InlineData("onnx-ultraface/version-RFB-320_simplified.onnx", "fp16", 35, 0.51)]
    [InlineData("onnx-deeploy/hist-MCUNet/network.onnx", "int8-static-u8s8", 40, 0.30)]
    [InlineData("onnx-deeploy/hist-MCUNet/network.onnx", "int8-static-symmetric", 40, 0.30)]
    [InlineData("onnx-deeploy/hist-MCUNet/network.onnx", "fp16", 60, 0.51)]
    public void Variant_is_small_and_close_to_the_float_model(string file, string scheme, double decibels, double share)
    {
        using var folder = new ScratchFolder();
        var prepared = PreparedModel.From(SharedFiles.Require(file), folder.Path);
        var input = prepared.Model.Graph.Input[0];
        int[] shape = [.. input.Type.TensorType.Shape.Dim.Skip(1).Select(extent => (int)extent.DimValue)];
        var quantizer = QuantizationSchemes.Named(scheme);
        var histograms = CalibrationRun.Count(prepared.Model, quantizer.CalibratedValues(prepared.Graph),
            Scenes(12, shape, seed: 1).Feeds(input.Name), 1, TestContext.Current.CancellationToken);
        var model = quantizer.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("percentile")), new HashSet<string>());

        Assert.Empty(OnnxGraph.ProblemsOf(model.Graph));
        Assert.InRange(model.CalculateSize(), 1, prepared.Model.CalculateSize() * share);
        var test = Scenes(6, shape, seed: 2).Feeds(input.Name);
        float[] Run(byte[] bytes)
        {
            using var session = OnnxRuntimeSession.Open(bytes, scheme);
            return ModelOutputs.Of(session, test, TestContext.Current.CancellationToken).Values;
        }
        Assert.InRange(Judgement.SignalToNoise(Run(model.ToByteArray()), Run(prepared.Model.ToByteArray())),
            decibels, double.PositiveInfinity);
    }

    [Theory]
    [InlineData("silero_vad.onnx", "int8-weights", "encoder/0,stft", 28, 0.36)] // the 16 kHz layers that cost most, kept in 16 bits
    [InlineData("silero_vad.onnx", "int8-dynamic", "", 30, 0.66)]
    [InlineData("silero_vad_half.onnx", "int8-weights", "", 38, 0.29)]
    [InlineData("silero_vad_half.onnx", "int8-dynamic", "", 40, 0.70)]
    public void Speech_detector_decides_alike_over_a_whole_recording(
        string file, string schemeName, string kept, double decibels, double share)
    {
        using var folder = new ScratchFolder();
        var path = SharedFiles.Require("onnx-silero-vad/" + file);
        var prepared = PreparedModel.From(path, folder.Path);
        var scheme = QuantizationSchemes.Named(schemeName);
        var names = kept.Split(',', StringSplitOptions.RemoveEmptyEntries);
        var model = scheme.Apply(new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax")),
            scheme.OperatorsOf(prepared.Graph).Where(operation => names.Any(operation.Contains)).ToHashSet());
        Assert.InRange(model.CalculateSize(), 1, new FileInfo(path).Length * share);

        using var reference = OnnxRuntimeSession.Open(path);
        using var quantized = OnnxRuntimeSession.Open(model.ToByteArray(), schemeName, scheme.Runtime(new RuntimeSettings()));
        var inputs = ModelInput.Of(reference);
        var (frames, count) = SpeechFrames.Of(SharedFiles.Require("onnx-silero-vad/test.wav"));
        var arrays = new Dictionary<string, NpyArray> { ["input"] = NpyArray.Of(frames, count, 1, SpeechFrames.Length) };
        if (inputs.Any(input => input.Name == "sr")) arrays["sr"] = NpyArray.Of([16000L]);
        var feeds = ArrayFeeds.From(arrays, inputs, "test.wav", ModelState.Of(reference, inputs, []));
        var (expected, actual) = (AllOutputs.Of(reference, feeds, TestContext.Current.CancellationToken),
            AllOutputs.Of(quantized, feeds, TestContext.Current.CancellationToken));
        Assert.InRange(Judgement.SignalToNoise(actual.Values, expected.Values), decibels, double.PositiveInfinity);
        // One probability and 256 values of state for each frame.
        bool[] Speech(AllOutputs outputs) => [.. outputs.Values.Where((_, i) => i % 257 == 0).Select(probability => probability > 0.5f)];
        Assert.Equal(file == "silero_vad.onnx" ? 1452 : 1457, Speech(expected).Count(speech => speech));
        Assert.InRange(Speech(actual).Zip(Speech(expected)).Count(pair => pair.First == pair.Second), 0.99 * count, count);
    }

    [Fact]
    public void Runtime_fuses_every_convolution_of_the_detector()
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.X86Base.IsSupported, "The x64 form is fused on x64 processors.");
        using var folder = new ScratchFolder();
        var prepared = PreparedModel.From(SharedFiles.Require("onnx-ultraface/version-RFB-320_simplified.onnx"), folder.Path);
        var scheme = QuantizationSchemes.Int8U8S8;
        var histograms = CalibrationRun.Count(prepared.Model, scheme.CalibratedValues(prepared.Graph),
            Scenes(2, [3, 240, 320], seed: 1).Feeds("input"), 1, TestContext.Current.CancellationToken);
        OnnxFile.Save(scheme.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string>()),
            folder.File("q.onnx"));
        Assert.Empty(FusionCheck.UnfusedOperatorsOf(folder.File("q.onnx"), new RuntimeSettings()));
        Assert.Empty(FusionCheck.UnfusedOperatorsOf(folder.File("q.onnx"),
            new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" } }));
    }

    [Fact]
    public void Prepared_classifier_gives_the_golden_outputs()
    {
        using var folder = new ScratchFolder();
        var prepared = PreparedModel.From(SharedFiles.Require("onnx-deeploy/hist-MCUNet/network.onnx"), folder.Path);
        var input = Read("inputs.npz");
        var expected = Read("outputs.npz").ToSingles();
        using var session = OnnxRuntimeSession.Open(prepared.Model.ToByteArray(), "prepared");
        var samples = new TinySamples(input.ToSingles(), [.. input.Shape.Skip(1)], new long[input.Shape[0]]);
        var actual = ModelOutputs.Of(session, samples.Feeds(session.InputNames[0]), TestContext.Current.CancellationToken).Values;
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Model_of_custom_operators_is_refused_in_one_sentence_that_names_them()
    {
        using var folder = new ScratchFolder();
        var refusal = Assert.Throws<InvalidDataException>(
            () => PreparedModel.From(SharedFiles.Require("onnx-superres/supres.onnx"), folder.Path));
        Assert.Contains("supres.onnx", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("ai.onnx.contrib", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message.TrimEnd());
    }

    private static NpyArray Read(string name)
    {
        using var file = File.OpenRead(SharedFiles.Require("onnx-deeploy/hist-MCUNet/" + name));
        return NpzArchive.Read(file, 1 << 24).Values.First();
    }

    /// <summary>Pictures like photographs in what matters here: smooth light, an object, a little grain, within -1 to 1.</summary>
    private static TinySamples Scenes(int count, int[] shape, int seed)
    {
        var random = new Random(seed);
        var (channels, height, width) = (shape[0], shape[1], shape[2]);
        var values = new float[count * channels * height * width];
        for (var i = 0; i < values.Length;)
        {
            double centreX = random.NextDouble() * width, centreY = random.NextDouble() * height, radius = (0.1
                + 0.3 * random.NextDouble()) * width, light = random.NextDouble() - 0.5;
            for (var channel = 0; channel < channels; channel++)
            {
                double waveX = random.NextDouble() * 0.1, waveY =
                    random.NextDouble() * 0.1, phase = random.NextDouble() * 6, tone = random.NextDouble() - 0.5;
                for (var y = 0; y < height; y++)
                {
                    for (var x = 0; x < width; x++)
                    {
                        var inside = (x - centreX) * (x - centreX) + (y - centreY) * (y - centreY) < radius * radius;
                        var value = light + 0.3 * Math.Sin(waveX * x + phase) * Math.Cos(waveY * y) + (inside ? tone : 0)
                            + 0.3 * (random.NextDouble() - 0.5);
                        values[i++] = (float)Math.Clamp(value, -1, 1);
                    }
                }
            }
        }
        return new TinySamples(values, shape, new long[count]);
    }
}
