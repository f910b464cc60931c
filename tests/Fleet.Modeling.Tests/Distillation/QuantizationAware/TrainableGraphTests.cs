using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.QuantizationAware;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Fleet.Modeling.Quantization;
using Fleet.Modeling.Students;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Tests.Distillation.QuantizationAware;

/// <summary>What is trained is what is exported, in every form and at every width.</summary>
public sealed class TrainableGraphTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public TrainableGraphTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string, int, int> Cases()
    {
        var cases = new TheoryData<string, string, int, int>();
        foreach (var family in new[] { "cnn", "conv1d" })
        {
            foreach (var form in new[] { "u8s8", "s8s8", "symmetric" })
            {
                foreach (var (weights, activations) in new[] { (8, 8), (4, 4), (3, 3), (2, 2), (4, 8) }) cases.Add(family, form, weights, activations);
            }
        }
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Exported_model_answers_as_the_trained_one(string family, string form, int weights, int activations)
    {
        var (model, samples) = Student(family);
        var grid = Form(form);
        var (graph, _) = Start(model, samples, grid, new BitWidths(weights, activations));
        using (graph)
        {
            Train(graph, samples);
            var trained = graph.Logits(samples, CancellationToken.None);
            // The runtime rounds the symmetric form's float bias itself when it optimizes; TensorRT, for which it is made, does not.
            var exported = Run(Scheme(graph, grid, weights, activations).Model(), samples, grid.FloatBias ? GraphOptimizationLevel.ORT_DISABLE_ALL : GraphOptimizationLevel.ORT_ENABLE_ALL);
            var differences = trained.Zip(exported).Select(pair => Math.Abs(pair.First - pair.Second)).Order().ToArray();
            var largest = trained.Max(Math.Abs);
            TestContext.Current.TestOutputHelper?.WriteLine($"{family} {form} w{weights}a{activations}: largest logit {largest}, median {differences[differences.Length / 2]}, p99 {differences[differences.Length * 99 / 100]}, max {differences[^1]}");
            Assert.InRange(differences[differences.Length * 99 / 100], 0, 1e-3 * largest);
            Assert.InRange(differences[^1], 0, 0.2 * largest);
        }
    }

    [Theory]
    [InlineData("cnn")]
    [InlineData("conv1d")]
    public void Float_graph_answers_as_its_file(string family)
    {
        var (model, samples) = Student(family);
        using var graph = new TrainableGraph(model);
        var expected = Run(model.Model, samples);
        Assert.All(graph.Logits(samples, CancellationToken.None).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-3));
        // And what it writes is what it is.
        Assert.All(Run(graph.Model().Model, samples).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-3));
    }

    [Theory]
    [InlineData("cnn")]
    [InlineData("conv1d")]
    public void At_8_bits_training_starts_from_what_the_float_network_says(string family)
    {
        var (model, samples) = Student(family);
        var (graph, _) = Start(model, samples, IntegerForm.U8S8, new BitWidths(8, 8));
        using (graph) Assert.InRange(Judgement.SignalToNoise(graph.Logits(samples, CancellationToken.None), Run(model.Model, samples)), 30, 200);
    }

    private static QuantizationAwareScheme Scheme(TrainableGraph graph, IntegerForm form, int weights, int activations)
        => new("qat", new BitWidths(weights, activations), form, graph.Model(), graph.Grids());

    private static IntegerForm Form(string name) => name switch { "u8s8" => IntegerForm.U8S8, "s8s8" => IntegerForm.S8S8, _ => IntegerForm.Symmetric8 };

    private static void Train(TrainableGraph graph, SampleSet samples)
        => StudyLoop.Run(graph, samples, samples, [new StudyPhase("qat", 2)], new StudySettings(new TrainingSpec { BatchSize = 32, LearningRate = 2e-3 }, 1, 4, 0.5), new Progress(new Ignored(), "step", 0, 1), CancellationToken.None);

    private static (TrainableGraph Graph, GridScales Grids) Start(PreparedModel model, SampleSet samples, IntegerForm form, BitWidths widths)
    {
        var plan = QuantizationPlan.For(model.Graph, form, new HashSet<string>());
        var histograms = Calibration.Run(model.Model, [.. plan.CalibratedValues], new SampleFeeds(StudentExport.Input, samples), 32, CancellationToken.None);
        var grids = StartingGrids.Search(model.Graph, plan, form, widths, histograms);
        return (new TrainableGraph(model, plan, form, grids), grids);
    }

    private (PreparedModel Model, SampleSet Samples) Student(string family)
    {
        var samples = Patterns(family, 256);
        using var network = new Network(Families.Student(family, 8, samples.SampleShape, 4), Normalization.Measure(samples), 1);
        TrainingLoop.Run(network, samples, samples, new TrainingPhase("teacher", new TrainingSpec { Epochs = 3, BatchSize = 32 }, 1), new Progress(new Ignored(), "step", 0, 1), CancellationToken.None);
        CheckedExport.Write(network, _folder.File("student.onnx"), samples);
        return (PreparedModel.From(_folder.File("student.onnx"), _folder.Path), samples);
    }

    /// <summary>Waves of four frequencies in noise, far from zero mean so that the export begins with an operator that centres them.</summary>
    private static SampleSet Patterns(string family, int count)
    {
        var random = new Random(1);
        int[] shape = family == "cnn" ? [1, 12, 12] : [1, 144];
        var inputs = new float[count * 144];
        var labels = new long[count];
        for (var sample = 0; sample < count; sample++)
        {
            labels[sample] = sample % 4;
            var (phase, frequency) = (random.NextDouble() * 6.28, 0.2 + 0.25 * labels[sample]);
            for (var i = 0; i < 144; i++) inputs[sample * 144 + i] = (float)(120 + 30 * (Math.Sin(phase + frequency * i) + random.NextDouble() - 0.5));
        }
        return new SampleSet(inputs, shape, labels);
    }

    private static float[] Run(ModelProto model, SampleSet samples, GraphOptimizationLevel level = GraphOptimizationLevel.ORT_ENABLE_ALL)
    {
        using var session = OnnxRuntimeSession.Open(Google.Protobuf.MessageExtensions.ToByteArray(model), "test", level);
        return ModelOutputs.Of(session, new SampleFeeds(StudentExport.Input, samples), CancellationToken.None).Values;
    }

    private sealed class Ignored : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) { }
    }
}
