using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Requantization;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests;

/// <summary>Quantized models in each form, made float again and quantized anew.</summary>
public sealed class RequantizationTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("conv-relu", "int8-static-u8s8", 25)] // its Relu is gone: rounding clamps
    [InlineData("residual", "int8-static-u8s8", 25)]
    [InlineData("depthwise", "int8-static-u8s8", 25)]
    [InlineData("concat-pool", "int8-static-symmetric", 25)]
    [InlineData("matmul-add", "int8-dynamic", 25)]
    [InlineData("matmul-add", "int8-weights", 100)]
    [InlineData("matmul-add", "int4-weights", 40)] // the runtime rounds activations to 8 bits within MatMulNBits
    [InlineData("matmul-add", "int4-weights-portable", 40)]
    public void Own_variant_is_made_float_again(string name, string scheme, double decibels)
    {
        var model = TinyModels.All[name]();
        OnnxFile.Save(model, _folder.File("m.onnx"));
        var quantized = Quantized(scheme);
        Assert.NotNull(QuantizedForm.Of(quantized.Model));
        OnnxFile.Save(quantized.Model, _folder.File("q.onnx"));
        FloatFile.Write(_folder.File("q.onnx"), _folder.File("f.onnx"), OnnxFile.MaximumBytes);
        Assert.Null(QuantizedForm.Of(OnnxFile.Load(_folder.File("f.onnx"))));
        // Of activations only the rounding is gone, of weights nothing.
        Assert.InRange(Closeness(model, "f.onnx", "q.onnx", quantized.Settings), decibels, 200);
    }

    [Fact]
    public void Scale_of_dynamic_integers_goes_into_the_weights()
    {
        OnnxFile.Save(TinyModels.MatMulAdd(), _folder.File("m.onnx"));
        OnnxFile.Save(Quantized("int8-dynamic").Model, _folder.File("q.onnx"));
        FloatFile.Write(_folder.File("q.onnx"), _folder.File("f.onnx"), OnnxFile.MaximumBytes);
        Assert.Equal(["MatMul", "Add", "Relu", "MatMul", "Add", "Add"],
            OnnxFile.Load(_folder.File("f.onnx")).Graph.Node.Select(node => node.OpType));
    }

    [Fact]
    public void Older_form_with_integers_between_its_operators_is_made_float()
    {
        // Conv, MaxPool and Add in integers, as ONNX Runtime's quantizer writes them in its operator format.
        var builder = new GraphBuilder().Input("x", -1, 4, 8, 8).Output("y", -1, 4, 4, 4)
            .Constant(Tensors.Of("xs", [0.02f])).Constant(Tensors.Of("xz", (byte[])[128]))
            .Constant(Tensors.Of("w", [.. Enumerable.Range(0, 4 * 4 * 9).Select(i => (sbyte)(i * 37 % 251 - 125))], 4, 4, 3, 3))
            .Constant(Tensors.Of("ws", [0.002f, 0.003f, 0.001f, 0.002f], 4)).Constant(Tensors.Of("wz", new sbyte[4], 4))
            .Constant(Tensors.Of("b", [100, -2000, 300, 5], 4))
            .Constant(Tensors.Of("cs", [0.03f])).Constant(Tensors.Of("cz", (byte[])[0]))
            .Constant(Tensors.Of("ys", [0.06f])).Constant(Tensors.Of("yz", (byte[])[0]))
            .Node("QuantizeLinear", ["x", "xs", "xz"], "xq")
            .Node("QLinearConv", ["xq", "xs", "xz", "w", "ws", "wz", "cs", "cz", "b"], "cq", node => node.With("pads", [1, 1, 1, 1]))
            .Node("MaxPool", ["cq"], "pq", node => node.With("kernel_shape", [2, 2]).With("strides", [2, 2]))
            .Node("QLinearAdd", ["pq", "cs", "cz", "pq", "cs", "cz", "ys", "yz"], "yq", node => node.Domain = "com.microsoft")
            .Node("DequantizeLinear", ["yq", "ys", "yz"], "y");
        var model = builder.Build();
        model.Declare("com.microsoft", 1);
        OnnxFile.Save(model, _folder.File("q.onnx"));
        FloatFile.Write(_folder.File("q.onnx"), _folder.File("f.onnx"), OnnxFile.MaximumBytes);
        // What was cut off at zero still is.
        Assert.Equal(["Conv", "Clip", "MaxPool", "Add", "Clip"],
            OnnxFile.Load(_folder.File("f.onnx")).Graph.Node.Select(node => node.OpType));
        Assert.InRange(Closeness(model, "f.onnx", "q.onnx", OnnxRuntimeSession.Exact), 25, 200);
    }

    [Fact]
    public void Operator_without_float_form_is_named()
    {
        var model = new GraphBuilder().Input("x", 1, 16).Constant(Tensors.Of("s", [0.1f])).Constant(Tensors.Of("z", (byte[])[0]))
            .Constant(Tensors.Of("w", new byte[16 * 4], 16, 4)).Node("QuantizeLinear", ["x", "s", "z"], "q")
            .Node("QGemm", ["q", "s", "z", "w", "s", "z"], "y", node => node.Domain = "com.microsoft").Output("y", 1, 4).Build();
        model.Declare("com.microsoft", 1);
        OnnxFile.Save(model, _folder.File("q.onnx"));
        var refusal = Assert.Throws<InvalidDataException>(
            () => FloatFile.Write(_folder.File("q.onnx"), _folder.File("f.onnx"), OnnxFile.MaximumBytes));
        Assert.Contains("QGemm 1", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Quantized_model_is_quantized_anew_when_that_is_asked_for()
    {
        OnnxFile.Save(TinyModels.MatMulAdd(), _folder.File("m.onnx"));
        OnnxFile.Save(Quantized("int8-weights").Model, _folder.File("q.onnx"));
        var report = new Quantizer(machine: ThisMachine.Facts).Run(
            new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = _folder.File("q.onnx"), Validation = SampleSource.Synthetic, Requantize = true },
                Quantization = new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-dynamic"], Goal = "size" },
            },
            _folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.Equal("q.onnx", report.Model);
        Assert.Equal(new FileInfo(_folder.File("q.onnx")).Length, report.Requantized!.Bytes);
        // Without the settings of the file, which is bare here, some processors multiply in integers and round what is multiplied.
        Assert.InRange(report.Requantized.SignalToNoise, 40, 200);
        Assert.True(report.Bytes > report.Requantized.Bytes);
        var variant = Assert.Single(report.Variants);
        // Larger than what was given, as the float model is: neither takes its place.
        Assert.True(variant.Accepted && !variant.Chosen && variant.Bytes > report.Requantized.Bytes, string.Join(" ", variant.Reasons));
        Assert.Equal(["x64"], report.Requantized.KeptFor);
        Assert.EndsWith("For x64 nothing better was made: keep the model as it was given.", report.Requantized.ToString(),
            StringComparison.Ordinal);
        Assert.Equal(["x64-int8-dynamic.onnx"], Directory.GetFiles(_folder.File("out")).Select(Path.GetFileName));
    }

    private (ModelProto Model, RuntimeSettings Settings) Quantized(string scheme)
    {
        var prepared = PreparedModel.From(_folder.File("m.onnx"), _folder.Path);
        var samples = TinyModels.SamplesFor(prepared.Model, 64, seed: 1);
        var quantizer = QuantizationSchemes.Named(scheme);
        var feeds = samples.Feeds(prepared.Model.Graph.Input[0].Name);
        var histograms = CalibrationRun.Count(
            prepared.Model, [.. quantizer.CalibratedValues(prepared.Graph)], feeds, 16, TestContext.Current.CancellationToken);
        return (quantizer.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string>()),
            quantizer.Runtime(OnnxRuntimeSession.Exact));
    }

    private double Closeness(ModelProto model, string one, string other, RuntimeSettings settings)
    {
        var feeds = TinyModels.SamplesFor(model, 32, seed: 2).Feeds(model.Graph.Input[0].Name);
        using InferenceSession actual = OnnxRuntimeSession.Open(_folder.File(one)), expected = OnnxRuntimeSession.Open(
            _folder.File(other), settings);
        return AllOutputs.Of(actual, feeds, TestContext.Current.CancellationToken)
            .Against(AllOutputs.Of(expected, feeds, TestContext.Current.CancellationToken)).SignalToNoise;
    }
}
