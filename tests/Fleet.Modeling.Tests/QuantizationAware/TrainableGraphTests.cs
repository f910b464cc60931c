using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.QuantizationAware;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Tests.QuantizationAware;

/// <summary>What is trained is what is exported, in every form and at every width.</summary>
public sealed class TrainableGraphTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public TrainableGraphTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private (PreparedModel Model, SampleSet Samples) Student(string family, bool symmetric = false)
    {
        var model = TinyStudents.Prepared(family, _folder);
        return (symmetric ? model : EmbeddingTables.Rounded(model), TinyStudents.Data(family).Training);
    }

    public static TheoryData<string, string, int, int> Cases()
    {
        var cases = new TheoryData<string, string, int, int>();
        foreach (var family in new[] { "cnn", "conv1d" })
        {
            foreach (var form in new[] { "u8s8", "s8s8", "symmetric" })
            {
                foreach (var (weights, activations) in new[] { (8, 8), (4, 4), (3, 3), (2, 2), (4, 8) })
                    cases.Add(family, form, weights, activations);
            }
        }
        foreach (var (weights, activations) in new[] { (8, 8), (4, 4), (2, 2) })
        {
            cases.Add("mlp", "u8s8", weights, activations);
            cases.Add("cnn-separable", "u8s8", weights, activations);
            foreach (var form in new[] { "u8s8", "s8s8", "symmetric" }) cases.Add("encoder", form, weights, activations);
        }
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Exported_model_answers_as_the_trained_one(string family, string form, int weights, int activations)
    {
        var grid = Form(form);
        var (model, samples) = Student(family, grid.Symmetric);
        var (graph, _) = Start(model, samples, grid, new BitWidths(weights, activations));
        using (graph)
        {
            Train(graph, samples);
            var trained = graph.Outputs(samples, CancellationToken.None);
            // The runtime rounds the symmetric form's float bias itself when it optimizes; TensorRT, for which it is made, does not.
            var exported = Run(Scheme(graph, grid, weights, activations).Model(), samples,
                grid.FloatBias ? GraphOptimizationLevel.ORT_DISABLE_ALL : GraphOptimizationLevel.ORT_ENABLE_ALL);
            var differences = trained.Zip(exported).Select(pair => Math.Abs(pair.First - pair.Second)).Order().ToArray();
            var largest = trained.Max(Math.Abs);
            // Equal but for the order of sums. Now and then such a difference tips an activation over to its next level, which at
            // 8 bits is a thousandth of the largest logit and at fewer bits more, but rarer: there are fewer levels to tip between.
            Assert.InRange(differences[differences.Length * 95 / 100], 0, 1e-5 * largest);
            Assert.InRange(differences[^1], 0, (activations == 8 ? 0.005 : 0.1) * largest);
        }
    }

    [Theory]
    [InlineData("cnn")]
    [InlineData("conv1d")]
    [InlineData("random-kernels")]
    [InlineData("encoder")]
    [InlineData("text-cnn")]
    public void Float_graph_answers_as_its_file(string family)
    {
        var (model, samples) = Student(family);
        using var graph = new TrainableGraph(model);
        var expected = Run(model.Model, samples);
        Assert.All(graph.Outputs(samples, CancellationToken.None).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-3));
        // And what it writes is what it is.
        Assert.All(Run(graph.Model().Model, samples).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-3));
    }

    [Theory]
    [InlineData("cnn")]
    [InlineData("conv1d")]
    [InlineData("cnn-residual")]
    [InlineData("conv1d-residual")]
    [InlineData("encoder")]
    [InlineData("text-cnn")]
    public void At_8_bits_training_starts_from_what_the_float_network_says(string family)
    {
        var (model, samples) = Student(family);
        var (graph, _) = Start(model, samples, IntegerForm.U8S8, new BitWidths(8, 8));
        using (graph)
            Assert.InRange(Judgement.SignalToNoise(graph.Outputs(samples, CancellationToken.None), Run(model.Model, samples)), 30, 200);
    }

    [Theory]
    [InlineData("cnn", 8, 8)]
    [InlineData("cnn", 4, 4)]
    [InlineData("cnn", 3, 8)]
    [InlineData("cnn", 2, 2)]
    [InlineData("conv1d", 4, 4)]
    [InlineData("random-kernels", 8, 8)]
    [InlineData("conv1d-residual", 8, 8)]
    [InlineData("tcn", 8, 8)]
    [InlineData("cnn-residual", 8, 8)]
    public void Integer_kernels_compute_everything_however_few_the_bits(string family, int weights, int activations)
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.X86Base.IsSupported, "The x64 form is fused on x64 processors.");
        var (model, samples) = Student(family);
        var (graph, grids) = Start(model, samples, IntegerForm.U8S8, new BitWidths(weights, activations));
        graph.Dispose();
        OnnxFile.Save(new TrainedGridScheme("qat", new BitWidths(weights, activations), IntegerForm.U8S8, model, grids).Model(),
            _folder.File("q.onnx"));
        Assert.Empty(FusionCheck.UnfusedOperatorsOf(_folder.File("q.onnx"), new RuntimeSettings()));
        OnnxRuntimeSession.SaveOptimized(_folder.File("q.onnx"), _folder.File("o.onnx"), GraphOptimizationLevel.ORT_ENABLE_ALL);
        var operators = OnnxFile.Load(_folder.File("o.onnx")).Graph.Node.Select(node => node.OpType).ToArray();
        Assert.DoesNotContain(operators, operation => operation is "Conv" or "FusedConv" or "Gemm" or "FusedGemm" or "MatMul" or "Cast");
        Assert.Equal(model.Graph.Graph.Node.Count(node => node.OpType is "Conv" or "Gemm"),
            operators.Count(operation => operation is "QLinearConv" or "QGemm"));
    }

    [Fact]
    public void Fewer_bits_of_weights_make_the_file_smaller_in_the_form_of_processors()
    {
        var (model, samples) = Student("cnn");
        long Bytes(int weights, IntegerForm form)
        {
            var (graph, grids) = Start(model, samples, form, new BitWidths(weights, 8));
            graph.Dispose();
            return new TrainedGridScheme("qat", new BitWidths(weights, 8), form, model, grids).Model().CalculateSize();
        }
        // The inner layers hold nearly all weights; the rest of the file is scales, biases and nodes.
        var inner = model.Model.Graph.Initializer.Where(tensor => tensor.Dims.Count > 1)
            .Select(tensor => tensor.Elements()).ToArray()[1..^1].Sum();
        var (eight, four, two) = (Bytes(8, IntegerForm.S8S8), Bytes(4, IntegerForm.S8S8), Bytes(2, IntegerForm.S8S8));
        Assert.InRange(eight - four, inner / 2 - 200, inner / 2);
        Assert.InRange(eight - two, inner * 3 / 4 - 200, inner * 3 / 4);
        // TensorRT gets bytes; only the clips in front of the rounding differ, and there are none at 8 bits of activations.
        Assert.Equal(Bytes(8, IntegerForm.Symmetric8), Bytes(2, IntegerForm.Symmetric8));
    }

    [Fact]
    public void Axes_are_counted_on_all_of_the_shape_and_from_either_end()
    {
        var model = new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 4).Node("MatMul", ["x", "w"], "m")
            .Constant(Tensors.Of("ends", [-2L, -1], 2)).Constant(Tensors.Of("first", [1L], 1))
            .Node("Unsqueeze", ["m", "ends"], "u").Node("Unsqueeze", ["u", "first"], "v").Node("ReduceSum", ["v", "first"], "r")
            .Node("Tanh", ["r"], "t").Node("Squeeze", ["t", "ends"], "y")
            .Output("y", -1, 4).Build();
        var samples = Set(TinyModels.SamplesFor(model, 16, 1));
        using var graph = new TrainableGraph(new PreparedModel(model));
        Assert.All(graph.Outputs(samples, CancellationToken.None).Zip(Run(model, samples, input: "x")),
            pair => Assert.Equal(pair.Second, pair.First, 1e-5));
    }

    [Theory]
    [InlineData("cast", "casts to Double")]
    [InlineData("shape", "takes its shape from the samples")]
    public void What_depends_on_the_samples_is_refused_before_anything_is_trained(string name, string expected)
    {
        var start = new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 4).Node("Gemm", ["x", "w"], "g");
        var model = name == "cast"
            ? start.Node("Cast", ["g"], "y", node => node.With("to", (long)TensorProto.Types.DataType.Double)).Output("y", -1, 4).Build()
            : start.Node("Shape", ["x"], "s").Node("Reshape", ["g", "s"], "y").Output("y", -1, 4).Build();
        if (name == "shape") model.Graph.Node.RemoveAt(1); // the shape is an input of the graph then, known to nobody
        Assert.Contains(expected, Assert.Throws<BuildException>(() => new TrainableGraph(new PreparedModel(model))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Operator_that_cannot_be_trained_is_refused_by_name()
    {
        var model = new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 4).Node("Gemm", ["x", "w"], "g")
            .Node("Softplus", ["g"], "y").Output("y", -1, 4).Build();
        Assert.Contains("does not know operator Softplus",
            Assert.Throws<BuildException>(() => new TrainableGraph(new PreparedModel(model))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("residual")]
    [InlineData("depthwise")]
    [InlineData("concat-pool")]
    [InlineData("gemm")]
    [InlineData("matmul-add")]
    public void Graphs_of_other_shapes_are_trained_as_they_are_written(string name)
    {
        var model = new PreparedModel(TinyModels.All[name]());
        var samples = Set(TinyModels.SamplesFor(model.Model, 64, 1));
        foreach (var bits in new[] { 8, 4 })
        {
            var (graph, grids) = Start(model, samples, IntegerForm.U8S8, new BitWidths(bits, bits), "x");
            using (graph)
            {
                var exported = Run(new TrainedGridScheme("qat", new BitWidths(bits, bits), IntegerForm.U8S8, model, grids).Model(), samples,
                    GraphOptimizationLevel.ORT_ENABLE_ALL, "x");
                Assert.InRange(Judgement.SignalToNoise(exported, graph.Outputs(samples, CancellationToken.None)),
                    bits == 8 ? 50 : 30, double.PositiveInfinity);
            }
        }
    }

    private static SampleSet Set(TinySamples samples) => new(samples.Inputs, samples.SampleShape, samples.Labels);

    private static TrainedGridScheme Scheme(TrainableGraph graph, IntegerForm form, int weights, int activations)
        => new("qat", new BitWidths(weights, activations), form, graph.Model(), graph.Grids());

    private static IntegerForm Form(string name)
        => name switch { "u8s8" => IntegerForm.U8S8, "s8s8" => IntegerForm.S8S8, _ => IntegerForm.Symmetric8 };

    private static void Train(TrainableGraph graph, SampleSet samples)
        => StudyLoop.Run(graph, samples, samples, [new StudyPhase("qat", 2)],
            new StudySettings(new TrainingSpec { BatchSize = 32, LearningRate = 2e-3 }, 1, 4, 0.5),
            TinyStudents.Silent, CancellationToken.None);

    private static (TrainableGraph Graph, GridScales Grids) Start(
        PreparedModel model, SampleSet samples, IntegerForm form, BitWidths widths, string input = StudentExport.Input)
    {
        var plan = QuantizationPlan.For(model.Graph, form, new HashSet<string>());
        var histograms = CalibrationRun.Count(model.Model, [.. plan.CalibratedValues], samples.Feeds(input), 32, CancellationToken.None);
        var grids = StartingGrids.Search(model.Graph, plan, form, widths, histograms);
        return (new TrainableGraph(model, plan, form, grids), grids);
    }

    private static float[] Run(
        ModelProto model, SampleSet samples, GraphOptimizationLevel level = GraphOptimizationLevel.ORT_ENABLE_ALL,
        string input = StudentExport.Input)
    {
        using var session = OnnxRuntimeSession.Open(Google.Protobuf.MessageExtensions.ToByteArray(model), "test", level);
        return ModelOutputs.Of(session, samples.Feeds(input), CancellationToken.None).Values;
    }
}
