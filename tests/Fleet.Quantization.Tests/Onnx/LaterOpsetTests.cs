using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>Models compute the same after they were raised to a later operator set.</summary>
public sealed class LaterOpsetTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mean", 13, 17)]
    [InlineData("mean", 13, 18)]
    [InlineData("mean", 13, 21)]
    [InlineData("split", 13, 18)]
    [InlineData("split", 13, 21)]
    [InlineData("sample", 16, 19)]
    [InlineData("sample", 16, 20)]
    [InlineData("align", 13, 21)]
    [InlineData("transform", 17, 21)]
    public void Operator_computes_what_it_did(string operation, long from, long target)
    {
        var path = Model(operation, from).Save(_folder);
        var raised = OnnxFile.Load(path);
        LaterOpset.Raise(raised, target);
        Assert.Equal(target, raised.StandardVersion());
        OnnxFile.Save(raised, _folder.File("raised.onnx"));
        var expected = OutputsOf(path);
        Assert.Contains(expected, value => value != 0);
        Assert.Equal(expected, OutputsOf(_folder.File("raised.onnx")));
    }

    [Theory]
    [InlineData("mean", 13, 18)]
    [InlineData("sample", 16, 20)]
    [InlineData("align", 13, 21)]
    [InlineData("transform", 17, 21)]
    public void Operator_that_is_only_called_newer_computes_something_else_or_does_not_load(string operation, long from, long target)
    {
        var path = Model(operation, from).Save(_folder);
        var called = OnnxFile.Load(path);
        called.Declare("", target);
        OnnxFile.Save(called, _folder.File("called.onnx"));
        Assert.NotEqual(OutputsOf(path), Record.Exception(() => OutputsOf(_folder.File("called.onnx"))) is null
            ? OutputsOf(_folder.File("called.onnx"))
            : []);
    }

    [Fact]
    public void Scales_of_groups_are_refused_where_they_cannot_be_said()
    {
        var model = new GraphBuilder(18).Input("x", 1, 4, 2, 2).Weight("s", 2).Weight("b", 2)
            .Node("GroupNormalization", ["x", "s", "b"], "y", node => node.With("num_groups", 2).Name = "norm")
            .Output("y", 1, 4, 2, 2).Build();
        LaterOpset.Raise(model, 20);
        Assert.Contains("norm has a scale for each group", Assert.Throws<InvalidDataException>(() => LaterOpset.Raise(model)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Variants_are_written_in_the_operator_set_that_is_asked_for()
    {
        var reports = Made(18);
        Assert.Equal(4, reports.Count(report => report.Artifact is not null && report.Scheme != "fp32"));
        foreach (var report in reports)
        {
            var version = OnnxFile.Load(_folder.File($"out/{report.Artifact!.Name}")).StandardVersion();
            // Weights of 4 bits in standard operators are of no earlier one.
            Assert.Equal(report.Scheme == "int4-weights-portable" ? 21 : 18, version);
        }
    }

    [Fact]
    public void Models_are_raised_and_never_lowered()
        => Assert.Equal("The model is written in operator set 17, and one is raised, never lowered, to that of --opset 15 (in a build spec "
            + "quantization.opset); ask for 17 to 21, or leave it out.", Assert.Throws<InvalidDataException>(() => Made(15)).Message);

    private static float[] OutputsOf(string file)
    {
        using var session = OnnxRuntimeSession.Open(file);
        var feeds = TinyModels.SamplesFor(OnnxFile.Load(file), 3, seed: 4).Feeds("x");
        return AllOutputs.Of(session, feeds, TestContext.Current.CancellationToken).Values;
    }

    private IReadOnlyList<VariantReport> Made(int opset)
    {
        var model = new GraphBuilder().Input("x", -1, 64).Weight("w", 64, 64).Node("MatMul", ["x", "w"], "h")
            .Node("ReduceMean", ["h"], "y", node => node.With("axes", [1L])).Output("y", -1, 1).Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 16, 3);
        return new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(model, samples.Feeds("x"), HeldOut.Of(samples.Feeds("x")),
                VariantSettings.Of(new QuantizationSpec
                {
                    Schemes = ["int8-static-s8s8", "int8-weights", "int8-dynamic", "int4-weights-portable"],
                    MinimumSignalToNoise = 1,
                    Opset = opset,
                }, [BuiltInProfiles.Find("arm-cpu")!]),
                _folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants;
    }

    private static GraphBuilder Model(string operation, long opset) => operation switch
    {
        "mean" => new GraphBuilder(opset).Input("x", 1, 3, 4, 5)
            .Node("ReduceMean", ["x"], "y", node => node.With("axes", [1L, 2L]).With("keepdims", 0)).Output("y", 1, 5),
        "split" => new GraphBuilder(opset).Input("x", 1, 6).Node("Split", ["x"], "a", node =>
            {
                node.Output.Add("b");
                node.With("axis", 1);
            }).Node("Sub", ["a", "b"], "y").Output("y", 1, 3),
        "sample" => new GraphBuilder(opset).Input("x", 1, 1, 4, 4)
            .Constant(Tensors.Of("grid", [-0.5f, 0.1f, 0.7f, -0.3f], 1, 1, 2, 2))
            .Node("GridSample", ["x", "grid"], "y", node => node.With("mode", "bicubic")).Output("y", 1, 1, 1, 2),
        "align" => new GraphBuilder(opset).Input("x", 1, 1, 8, 8).Constant(Tensors.Of("rois", [0.3f, 0.4f, 5.2f, 6.1f], 1, 4))
            .Constant(Tensors.Of("batch", (ReadOnlySpan<long>)[0], 1))
            .Node("RoiAlign", ["x", "rois", "batch"], "y", node => node.With("output_height", 2).With("output_width", 2))
            .Output("y", 1, 1, 2, 2),
        _ => new GraphBuilder(opset).Input("x", 1, 4, 3, 1).Node("DFT", ["x"], "y").Output("y", 1, 4, 3, 2),
    };
}
