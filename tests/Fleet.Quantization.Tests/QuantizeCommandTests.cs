using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Onnx;
using Fleet.TestKit;
using DataLocation = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataLocation;

namespace Fleet.Quantization.Tests;

/// <summary>
/// <c>fleet models quantize</c>, the built programs, on models of every kind: public ones, and small ones with what is rare.
/// </summary>
public sealed class QuantizeCommandTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(8);

    [Theory]
    [InlineData("onnx-ultraface/version-RFB-320_simplified.onnx", "int8-weights", "int8-weights")]
    [InlineData("onnx-deeploy/hist-MCUNet/network.onnx", "int8-dynamic,int8-weights", "int8-dynamic,int8-weights")]
    // a decoder with past state: empty at each sample
    [InlineData("llm-genai-tiny/tiny-random-gpt2-fp32/past.onnx", "auto", "int8-static-u8s8,int8-dynamic,int8-weights")]
    public async Task Public_model_gets_variants_from_made_up_samples(string file, string schemes, string accepted)
    {
        using var folder = new ScratchFolder();
        var report = await QuantizeAsync(folder, SharedFiles.Require(file), "--calibration", "synthetic", "--scheme", schemes);
        Assert.Subset(report.Variants.Where(variant => variant.Accepted).Select(variant => variant.Scheme).ToHashSet(),
            accepted.Split(',').ToHashSet());
        Assert.Single(report.Variants, variant => variant.Chosen);
    }

    [Theory]
    [InlineData("silero_vad.onnx")]
    [InlineData("silero_vad_half.onnx")]
    public async Task Speech_detector_carries_its_state_through_the_samples_and_stays_close_without_being_asked_to(string file)
    {
        using var folder = new ScratchFolder();
        var (frames, _) = SpeechFrames.Of(SharedFiles.Require("onnx-silero-vad/test.wav"));
        var arrays = new Dictionary<string, NpyArray>
        {
            ["input"] = NpyArray.Of(frames.AsSpan(0, 300 * SpeechFrames.Length), 300, 1, SpeechFrames.Length),
        };
        if (file == "silero_vad.onnx") arrays["sr"] = NpyArray.Of([16000L], 1);
        Write(folder, arrays);
        var report = await QuantizeAsync(folder, SharedFiles.Require("onnx-silero-vad/" + file), "--scheme", "int8-dynamic,int8-weights",
            "--validation", folder.File("samples.npz"));
        Assert.All(report.Variants.Where(variant => variant.Scheme != "fp32"), variant =>
        {
            Assert.True(variant.Accepted, string.Join(" ", variant.Reasons));
            Assert.InRange(variant.Closeness!.SignalToNoise, 30, 200);
            Assert.InRange(variant.Closeness.Agreement!.Value, 0.99, 1);
            Assert.InRange(variant.Artifact!.Bytes, 1, report.Bytes * 0.75);
        });
        var weights = report.Variants.Single(variant => variant.Scheme == "int8-weights");
        Assert.Equal("1", weights.Runtime.SessionEntries["session.disable_quant_qdq"]);
        Assert.InRange(weights.Artifact!.Bytes, 1, report.Bytes * 0.45);
    }

    [Theory]
    [InlineData("Loop")]
    [InlineData("Scan")]
    public async Task Weights_in_the_body_of_a_loop_become_small(string operation)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(ModelFuzzTests.Looped(operation, width: 64), folder.File("m.onnx"));
        var report = await QuantizeAsync(folder, folder.File("m.onnx"), "--scheme", "int8-weights");
        var variant = report.Variants.Single(variant => variant.Scheme == "int8-weights");
        Assert.True(variant.Accepted, string.Join(" ", variant.Reasons));
        Assert.InRange(variant.Artifact!.Bytes, 1, report.Bytes * 0.4);
    }

    [Fact]
    public async Task State_of_any_name_is_carried_when_it_is_given()
    {
        using var folder = new ScratchFolder();
        new GraphBuilder().Input("x", 1, 32).Input("a", 1, 32).Weight("w", 32, 32).Node("Add", ["x", "a"], "s")
            .Node("MatMul", ["s", "w"], "m").Node("Tanh", ["m"], "b").Output("b", 1, 32).Save(folder, "m.onnx");
        var random = new Random(1);
        Write(folder, new() { ["x"] = NpyArray.Of([.. Enumerable.Range(0, 20 * 32).Select(_ => random.NextSingle())], 20, 32) });
        var report = await QuantizeAsync(folder, folder.File("m.onnx"), "--scheme", "int8-static-u8s8", "--calibration",
            folder.File("samples.npz"), "--validation", folder.File("samples.npz"), "--state", "a=b");
        Assert.True(report.Variants[0].Accepted, string.Join(" ", report.Variants[0].Reasons));
        var without = await RunAsync(folder, folder.File("m.onnx"), "--scheme", "int8-dynamic", "--validation", folder.File("samples.npz"));
        Assert.Equal(1, without.Code);
        Assert.Contains("has no array for input 'a'", without.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Weights_beside_the_model_are_taken_in()
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder.File("model/parts"));
        var model = new GraphBuilder().Input("x", -1, 64).Weight("w", 64, 64).Node("MatMul", ["x", "w"], "y").Output("y", -1, 64).Build();
        var weight = model.Graph.Initializer[0];
        File.WriteAllBytes(folder.File("model/parts/weights.bin"), weight.RawData.ToByteArray());
        weight.ClearRawData();
        weight.DataLocation = DataLocation.External;
        weight.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "parts/weights.bin" });
        OnnxFile.Save(model, folder.File("model/m.onnx"));
        var report = await QuantizeAsync(folder, folder.File("model/m.onnx"), "--scheme", "int8-dynamic,int8-weights");
        Assert.All(report.Variants.Where(variant => variant.Scheme != "fp32"),
            variant => Assert.True(variant.Accepted, string.Join(" ", variant.Reasons)));
    }

    [Fact]
    public async Task Operators_in_any_order_are_sorted()
    {
        using var folder = new ScratchFolder();
        new GraphBuilder(opset: 13).Input("x", -1, 64).Weight("w1", 64, 64).Weight("w2", 64, 16)
            .Node("Relu", ["a"], "r").Node("MatMul", ["x", "w1"], "a").Node("MatMul", ["r", "w2"], "y")
            .Output("y", -1, 16).Save(folder, "m.onnx");
        var report = await QuantizeAsync(
            folder, folder.File("m.onnx"), "--calibration", "synthetic", "--scheme", "int8-static-u8s8,int8-weights");
        Assert.All(report.Variants.Where(variant => variant.Scheme != "fp32"),
            variant => Assert.True(variant.Accepted, string.Join(" ", variant.Reasons)));
    }

    [Fact]
    public async Task Model_that_is_quantized_already_is_called_so_and_left_alone()
    {
        using var folder = new ScratchFolder();
        new GraphBuilder().Input("x", -1, 64).Constant(Tensors.Of("s", [0.02f])).Constant(Tensors.Of("z", (sbyte[])[3]))
            .Constant(Tensors.Of("w", [.. Enumerable.Range(0, 64 * 64).Select(i => (sbyte)(i % 251 - 125))], 64, 64))
            .Node("QuantizeLinear", ["x", "s", "z"], "q").Node("DequantizeLinear", ["q", "s", "z"], "real")
            .Node("DequantizeLinear", ["w", "s", "z"], "weight").Node("MatMul", ["real", "weight"], "y")
            .Output("y", -1, 64).Save(folder, "m.onnx");
        var result = await RunAsync(folder, folder.File("m.onnx"), "--calibration", "synthetic");
        Assert.Equal(1, result.Code);
        Assert.StartsWith("m.onnx is quantized already (QuantizeLinear 1, DequantizeLinear 2) and was left alone", result.Output,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    private static Task<ProcessResult> RunAsync(ScratchFolder folder, string model, params string[] options)
        => FleetModels.QuantizeAsync([model, "--profile", "x64", "--out", folder.File("out"), .. options], Deadline);

    [Fact]
    public async Task Folder_of_pictures_calibrates_and_judges_and_the_report_says_how_they_became_inputs()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.ConvRelu(), folder.File("m.onnx"));
        Directory.CreateDirectory(folder.File("pictures"));
        var random = new Random(4);
        for (var picture = 0; picture < 24; picture++)
        {
            var pixels = new byte[16 * 12 * 3];
            random.NextBytes(pixels);
            await File.WriteAllBytesAsync(
                folder.File($"pictures/{picture}.png"), PngWriter.Write(16, 12, 3, pixels), TestContext.Current.CancellationToken);
        }
        string[] asked = ["--calibration", folder.File("pictures"), "--scheme", "int8-static-u8s8",
            "--preprocess", "range=0,255 mean=127 deviation=64", "--preprocess", "fit=crop resize=antialias"];
        var report = await QuantizeAsync(folder, folder.File("m.onnx"), asked);
        Assert.Equal((24, "8x8 pixels (cropped to the middle, bilinear with antialiasing, half-pixel centres), RGB, NCHW, "
            + "values from 0 to 255, less a mean of 127, divided by 64"),
            (report.Calibration!.Count + report.Validation.Count, report.Validation.Preprocessing!.ToString()));
        Assert.Contains(report.Validation.Preprocessing.ToString(),
            await File.ReadAllTextAsync(folder.File("out/report.html"), TestContext.Current.CancellationToken), StringComparison.Ordinal);

        await File.WriteAllBytesAsync(folder.File("pictures/torn.png"), new byte[100], TestContext.Current.CancellationToken);
        var refused = await RunAsync(folder, folder.File("m.onnx"), asked);
        Assert.Equal(1, refused.Code);
        Assert.Contains("pictures/torn.png: The file does not begin as a PNG", refused.Output, StringComparison.Ordinal);
    }

    private static async Task<QuantizationReport> QuantizeAsync(ScratchFolder folder, string model, params string[] options)
    {
        var result = await RunAsync(folder, model, options);
        Assert.True(result.Code == 0, result.Output);
        return JsonSerializer.Deserialize(
            await File.ReadAllTextAsync(folder.File("out/report.json"), TestContext.Current.CancellationToken),
            FleetJson.Default.QuantizationReport)!;
    }

    private static void Write(ScratchFolder folder, Dictionary<string, NpyArray> arrays)
    {
        using var file = File.Create(folder.File("samples.npz"));
        NpzArchive.Write(file, arrays);
    }
}
