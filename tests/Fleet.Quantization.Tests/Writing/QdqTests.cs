using System.Globalization;
using System.Text;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Writing;

/// <summary>What the quantizer writes for the smallest graphs, in the forms of every profile.</summary>
public sealed class QdqTests
{
    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var model in TinyModels.All.Keys)
        {
            foreach (var scheme in new[] { "int8-static-u8s8", "int8-static-u8u8", "int8-static-s8s8", "int8-static-symmetric" })
                cases.Add(model, scheme);
        }
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    [InlineData("gemm", "int4-weights-portable")]
    [InlineData("matmul-add", "int4-weights-portable")]
    [InlineData("gemm", "int4-weights")]
    public void Graph_is_the_golden_one(string model, string scheme)
    {
        var golden = Path.Combine(GoldenFolder(), $"{model}.{scheme}.txt");
        var text = Describe(Quantize(model, scheme).Model);
        if (Environment.GetEnvironmentVariable("FLEET_WRITE_GOLDEN") == "1") File.WriteAllText(golden, text);
        Assert.Equal(File.ReadAllText(golden), text);
    }

    [Theory, MemberData(nameof(Cases))]
    public void Outputs_stay_close_to_the_float_model(string model, string scheme)
    {
        var quantized = Quantize(model, scheme);
        Assert.InRange(Judgement.SignalToNoise(Run(quantized.Model, quantized.Source), Run(quantized.Source, quantized.Source)), 28,
            double.PositiveInfinity);
    }

    [Theory, MemberData(nameof(Cases))]
    public void Graph_is_sound_and_weights_are_bytes(string model, string scheme)
    {
        var quantized = Quantize(model, scheme).Model;
        Assert.Empty(OnnxGraph.ProblemsOf(quantized.Graph));
        Assert.DoesNotContain(quantized.Graph.Initializer, tensor => tensor.Is(DataType.Float) && tensor.Dims.Count > 1);
    }

    [Theory]
    [MemberData(nameof(X64Cases))]
    public void Runtime_fuses_every_weight_of_the_x64_forms(string model, string scheme)
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.X86Base.IsSupported, "The x64 form is fused on x64 processors.");
        using var folder = new ScratchFolder();
        OnnxFile.Save(Quantize(model, scheme).Model, folder.File("q.onnx"));
        Assert.Empty(FusionCheck.UnfusedOperatorsOf(folder.File("q.onnx"), new RuntimeSettings()));
        Assert.Empty(FusionCheck.UnfusedOperatorsOf(folder.File("q.onnx"),
            new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" } }));
    }

    public static TheoryData<string> Names() => [.. TinyModels.All.Keys];

    public static TheoryData<string, string> X64Cases()
        => new(TinyModels.All.Keys.SelectMany(model => new[] { "int8-static-u8s8", "int8-static-u8u8" }.Select(scheme => (model, scheme))));

    [Fact]
    public void Unsigned_weights_are_the_signed_ones_moved_up_and_no_signed_byte_is_left()
    {
        var (signed, unsigned) = (Quantize("residual", "int8-static-s8s8").Model, Quantize("residual", "int8-static-u8u8").Model);
        var bytes = signed.Graph.Initializer.Where(tensor => tensor.Is(DataType.Int8) && tensor.Dims.Count > 1)
            .Select(tensor => tensor.ToInt64s()).ToArray();
        Assert.Equal(bytes.Select(values => Array.ConvertAll(values, value => value + 128)),
            unsigned.Graph.Initializer.Where(tensor => tensor.Is(DataType.Uint8) && tensor.Dims.Count > 1)
                .Select(tensor => tensor.ToInt64s()));
        Assert.DoesNotContain(unsigned.Graph.Initializer, tensor => tensor.Is(DataType.Int8));
    }

    [Fact]
    public void Weight_left_beside_a_float_operator_is_found()
    {
        using var folder = new ScratchFolder();
        var model = Quantize("gemm", "int8-static-u8s8").Model;
        // Without its zero point the runtime does not make an integer Gemm of it.
        foreach (var node in model.Graph.Node.Where(
            node => node.OpType == "DequantizeLinear" && node.Int("axis", -1) >= 0 && node.Input.Count == 3))
            node.Input.RemoveAt(2);
        OnnxFile.Save(model, folder.File("q.onnx"));
        Assert.NotEmpty(FusionCheck.UnfusedOperatorsOf(folder.File("q.onnx"), new RuntimeSettings()));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Symmetric_form_follows_the_rules_of_TensorRT_and_the_x64_form_does_not(string model)
    {
        Assert.Empty(TensorRtRules.ProblemsOf(Quantize(model, "int8-static-symmetric").Model));
        Assert.NotEmpty(TensorRtRules.ProblemsOf(Quantize(model, "int8-static-u8s8").Model));
    }

    [Fact]
    public void Bias_too_large_for_its_scale_raises_the_scale_instead_of_wrapping()
    {
        using var folder = new ScratchFolder();
        var model = TinyModels.ConvRelu();
        var weight = model.Graph.Initializer.Single(tensor => tensor.Name == "w1");
        var values = weight.ToSingles();
        Array.Clear(values, 0, values.Length / 8);
        values[0] = 1e-12f;
        weight.RawData = Google.Protobuf.ByteString.CopyFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));
        OnnxFile.Save(model, folder.File("m.onnx"));
        var quantized = Quantize(folder.File("m.onnx"), QuantizationSchemes.Int8U8S8, folder);
        Assert.InRange(Judgement.SignalToNoise(Run(quantized.Model, quantized.Source), Run(quantized.Source, quantized.Source)), 28,
            double.PositiveInfinity);
    }

    [Fact]
    public void Operator_kept_float_leaves_no_trace_of_rounding_around_it()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.ConvRelu(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var all = QuantizationSchemes.Int8U8S8.OperatorsOf(prepared.Graph).ToHashSet();
        Assert.Equal(2, all.Count);
        var model = QuantizationSchemes.Int8U8S8.Apply(Calibrated(prepared, QuantizationSchemes.Int8U8S8), all);
        Assert.DoesNotContain(model.Graph.Node, node => node.OpType is "QuantizeLinear" or "DequantizeLinear");
    }

    [Theory, MemberData(nameof(Cases))]
    public void Whatever_operators_are_kept_float_the_ranges_are_known(string model, string scheme)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.All[model](), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var quantizer = QuantizationSchemes.Named(scheme);
        var source = Calibrated(prepared, quantizer);
        var operators = quantizer.OperatorsOf(prepared.Graph);
        var reference = Run(prepared.Model, prepared.Model);
        Assert.All(Enumerable.Range(0, 1 << operators.Count), kept =>
        {
            var quantized = quantizer.Apply(source, operators.Where((_, i) => (kept >> i & 1) == 1).ToHashSet());
            Assert.InRange(Judgement.SignalToNoise(Run(quantized, prepared.Model), reference), 28, double.PositiveInfinity);
        });
    }

    private static (ModelProto Model, ModelProto Source) Quantize(string name, string scheme)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.All[name](), folder.File("m.onnx"));
        return Quantize(folder.File("m.onnx"), QuantizationSchemes.Named(scheme), folder);
    }

    private static (ModelProto Model, ModelProto Source) Quantize(string path, IQuantizationScheme scheme, ScratchFolder folder)
    {
        var prepared = PreparedModel.From(path, folder.Path);
        return (scheme.Apply(Calibrated(prepared, scheme), new HashSet<string>()), prepared.Model);
    }

    private static QuantizationSource Calibrated(PreparedModel prepared, IQuantizationScheme scheme)
    {
        var samples = TinyModels.SamplesFor(prepared.Model, 64, seed: 1).Feeds(prepared.Model.Graph.Input[0].Name);
        return new QuantizationSource(prepared,
            CalibrationRun.Count(prepared.Model, scheme.CalibratedValues(prepared.Graph), samples, 16,
                TestContext.Current.CancellationToken), Calibrators.Named("minmax"));
    }

    private static float[] Run(ModelProto model, ModelProto source)
    {
        using var session = OnnxRuntimeSession.Open(Google.Protobuf.MessageExtensions.ToByteArray(model), "test");
        return ModelOutputs.Of(session, TinyModels.SamplesFor(source, 32, seed: 2).Feeds(source.Graph.Input[0].Name),
            TestContext.Current.CancellationToken).Values;
    }

    /// <summary>One line for each node; numbers to three digits, which survive another processor's float order.</summary>
    private static string Describe(ModelProto model)
    {
        var constants = model.Graph.Initializer.ToDictionary(tensor => tensor.Name);
        string Value(string name)
        {
            if (!constants.TryGetValue(name, out var tensor)) return name.Length == 0 ? "-" : name;
            if (tensor.Dims.Count > 0 && tensor.Elements() > 1)
                return string.Create(CultureInfo.InvariantCulture, $"{(DataType)tensor.DataType}[{string.Join("x", tensor.Dims)}]");
            return tensor.Is(DataType.Float)
                ? tensor.ToSingles()[0].ToString("G3", CultureInfo.InvariantCulture)
                : tensor.ToInt64s()[0].ToString(CultureInfo.InvariantCulture);
        }
        var text = new StringBuilder();
        foreach (var node in model.Graph.Node)
        {
            var attributes = node.Attribute.Where(attribute => attribute.Name is "axis" or "beta" or "alpha" or "transB" or "group")
                .Select(attribute => string.Create(
                    CultureInfo.InvariantCulture, $" {attribute.Name}={(attribute.HasF ? attribute.F : attribute.I)}"));
            text.Append(CultureInfo.InvariantCulture,
                $"{string.Join(", ", node.Output)} = "
                    + $"{node.OpType}({string.Join(", ", node.Input.Select(Value))}){string.Concat(attributes)}\n");
        }
        return text.ToString();
    }

    private static string GoldenFolder()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Fleet.sln")))
                return Directory.CreateDirectory(Path.Combine(folder.FullName, "tests", "golden", "quantization")).FullName;
        }
        throw new DirectoryNotFoundException("Fleet.sln was not found above the test program.");
    }
}
