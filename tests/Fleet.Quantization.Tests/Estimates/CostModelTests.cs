using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Estimates;

/// <summary>Estimates for processors that are not here.</summary>
public sealed class CostModelTests
{
    private static readonly HardwareProfile[] Arms = [BuiltInProfiles.ArmCpu, BuiltInProfiles.ArmCpuDotProduct, new HardwareProfile
    {
        Name = "matrix",
        Match = new ProfileMatch { Architectures = ["arm64"], RequiredIsaFlags = ["asimddp", "i8mm"] },
        Numeric = new NumericRules { Activations = "int8" },
    }];

    [Fact]
    public void Eight_bits_are_worth_more_the_more_of_them_a_processor_multiplies_at_once()
    {
        double[] worth = [.. Arms.Select(arm => SpeedOf(Convolutions(), QuantizationSchemes.Int8S8S8, arm))];
        Assert.True(1 < worth[0] && 1.5 * worth[0] < worth[1] && worth[1] < worth[2], string.Join(", ", worth));
    }

    [Theory]
    [InlineData("arm-cpu-dotprod", 1, 1024, true)] // one row: weights come from memory, and of four bits an eighth does
    [InlineData("arm-cpu", 1, 1024, false)] // without the dot product each weight is unpacked into a float at every run
    [InlineData("arm-cpu", 64, 256, false)] // many rows: products are what counts, and unpacking comes on top
    public void Four_bits_are_faster_where_moving_weights_is_what_takes_time(string profile, int rows, int width, bool faster)
    {
        var model = new GraphBuilder().Input("x", 1, rows, width).Weight("a", width, width).Weight("b", width, width)
            .Node("MatMul", ["x", "a"], "h").Node("Relu", ["h"], "r").Node("MatMul", ["r", "b"], "y").Output("y", 1, rows, width);
        var speed = RelativeSpeed.Estimated(SpeedOf(model, QuantizationSchemes.Int4Weights, BuiltInProfiles.Find(profile)!));
        Assert.Equal(faster, speed.IsFasterThan(RelativeSpeed.Original));
    }

    [Fact]
    public void Weights_that_are_dequantized_at_every_run_cost_more_than_float()
    {
        // Without the setting that folds them at load.
        Assert.InRange(SpeedOf(Products(), QuantizationSchemes.Int8Weights, BuiltInProfiles.ArmCpu, plain: true), 0.01, 0.9);
        Assert.InRange(SpeedOf(Products(), QuantizationSchemes.Int8Weights, BuiltInProfiles.ArmCpu), 0.99, 1.01);
    }

    [Fact]
    public void Halves_are_worth_something_where_a_processor_computes_in_them_but_in_a_Gemm()
    {
        Assert.InRange(SpeedOf(Products(), QuantizationSchemes.Float16, BuiltInProfiles.ArmCpu), 0.5, 1.01);
        Assert.InRange(SpeedOf(Products(), QuantizationSchemes.Float16, BuiltInProfiles.ArmCpuDotProduct), 1.02, 4);
        var gemm = new GraphBuilder().Input("x", 1, 512).Weight("a", 512, 512).Weight("b", 512).Node("Gemm", ["x", "a", "b"], "y")
            .Output("y", 1, 512);
        Assert.InRange(SpeedOf(gemm, QuantizationSchemes.Float16, BuiltInProfiles.ArmCpuDotProduct), 0.001, 0.05);
    }

    [Fact]
    public void TensorRT_computes_halves_faster_than_floats_and_bytes_faster_than_halves()
    {
        var (halves, bytes) = (SpeedOf(Convolutions(), QuantizationSchemes.Float16, BuiltInProfiles.Jetson),
            SpeedOf(Convolutions(), QuantizationSchemes.Int8Symmetric, BuiltInProfiles.Jetson));
        Assert.True(1.05 < halves && halves < bytes, $"{halves}, {bytes}");
    }

    [Theory]
    [InlineData(1, "a")]
    [InlineData(-1, "b")]
    public void Branch_that_is_taken_costs_what_it_computes_and_the_other_nothing(float sample, string weight)
    {
        var inner = new GraphBuilder().Node("Conv", ["x", weight], "h").Node("Relu", ["h"], "y").Output("y", 1, 1, 1, 1).Build().Graph.Node;
        var alone = Chosen();
        var choice = alone.Graph.Node.Single(node => node.OpType == "If");
        alone.Graph.Node.Remove(choice);
        alone.Graph.Node.AddRange(inner);
        double CostOf(ModelProto model)
        {
            using var folder = new ScratchFolder();
            OnnxFile.Save(model, folder.File("m.onnx"));
            return new CostModel(BuiltInProfiles.ArmCpu, new SampleFeeds("x", [.. Enumerable.Repeat(sample, 3 * 32 * 32)], [3, 32, 32]))
                .CostOf(folder.File("m.onnx"), new RuntimeSettings(), TestContext.Current.CancellationToken)!.Value;
        }
        Assert.InRange(CostOf(Chosen()) / CostOf(alone), 1, 1.05);
    }

    /// <summary>A convolution of few channels or of many, as the first number of a sample has it.</summary>
    private static ModelProto Chosen() => new GraphBuilder().Input("x", 1, 3, 32, 32).Weight("a", 8, 3, 3, 3).Weight("b", 64, 3, 3, 3)
        .Constant(Tensors.Of("flat", [-1L], 1)).Constant(Tensors.Of("place", [0L])).Constant(Tensors.Of("zero", [0f]))
        .Node("Reshape", ["x", "flat"], "row").Node("Gather", ["row", "place"], "first").Node("Greater", ["first", "zero"], "above")
        .Node("If", ["above"], "y", node => node.Attribute.AddRange([
            InnerGraph.Of("then_branch", new GraphBuilder().Node("Conv", ["x", "a"], "c").Node("Relu", ["c"], "d"), ["d"]),
            InnerGraph.Of("else_branch", new GraphBuilder().Node("Conv", ["x", "b"], "e").Node("Relu", ["e"], "f"), ["f"]),
        ])).Output("y", 1, -1, 30, 30).Build();

    [Fact]
    public void Model_that_does_not_run_here_has_no_estimate()
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(folder.File("m.onnx"), "not a model");
        var model = Products();
        Assert.Null(new CostModel(BuiltInProfiles.ArmCpu, TinyModels.SamplesFor(model.Build(), 1, 1).Feeds("x"))
            .CostOf(folder.File("m.onnx"), new RuntimeSettings(), TestContext.Current.CancellationToken));
        Assert.Equal([folder.File("m.onnx")], Directory.GetFiles(folder.Path));
    }

    private static GraphBuilder Convolutions() => new GraphBuilder().Input("x", 1, 32, 56, 56).Weight("a", 64, 32, 3, 3)
        .Weight("b", 64, 64, 3, 3).Weight("c", 64, 64, 3, 3).Node("Conv", ["x", "a"], "h").Node("Relu", ["h"], "r")
        .Node("Conv", ["r", "b"], "i").Node("Relu", ["i"], "s").Node("Conv", ["s", "c"], "y").Output("y", 1, 64, 50, 50);

    private static GraphBuilder Products() => new GraphBuilder().Input("x", 1, 512).Weight("a", 512, 512).Weight("b", 512, 64)
        .Node("MatMul", ["x", "a"], "h").Node("Relu", ["h"], "r").Node("MatMul", ["r", "b"], "y").Output("y", 1, 64);

    private static double SpeedOf(GraphBuilder graph, IQuantizationScheme scheme, HardwareProfile profile, bool plain = false)
    {
        using var folder = new ScratchFolder();
        var prepared = PreparedModel.From(graph.Save(folder), folder.Path);
        OnnxFile.Save(prepared.Model, folder.File("float.onnx"));
        var samples = TinyModels.SamplesFor(prepared.Model, 2, 1).Feeds("x");
        var histograms = CalibrationRun.Count(
            prepared.Model, scheme.CalibratedValues(prepared.Graph), samples, 1, TestContext.Current.CancellationToken);
        OnnxFile.Save(scheme.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string>()),
            folder.File("variant.onnx"));
        var costs = new CostModel(profile, samples);
        double Cycles(string file, RuntimeSettings runtime)
            => costs.CostOf(folder.File(file), runtime, TestContext.Current.CancellationToken)!.Value;
        return Cycles("float.onnx", profile.Runtime)
            / Cycles("variant.onnx", plain ? profile.Runtime : scheme.Runtime(profile.Runtime));
    }
}
