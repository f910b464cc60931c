using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Students;

public sealed class StudentExportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public StudentExportTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static SampleSet Noise(int count, int[] shape, float mean, int seed)
    {
        var random = new Random(seed);
        var length = shape.Aggregate(1, (product, extent) => product * extent);
        return new SampleSet([.. Enumerable.Range(0, count * length).Select(_ => mean + (float)(20 * random.NextDouble() - 10))], shape,
            [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))]);
    }

    // Made of a few words each, and padded.
    private static SampleSet Texts(int count, int length, int seed)
    {
        var random = new Random(seed);
        var tokens = new float[count * length];
        for (var sample = 0; sample < count; sample++)
        {
            var used = random.Next(1, length + 1);
            for (var place = 0; place < used; place++) tokens[sample * length + place] = random.Next(1, 20);
        }
        return new SampleSet(tokens, [length], [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))])
        {
            Vocabulary = new Vocabulary([.. Enumerable.Range(0, 20).Select(number => $"piece{number}")]),
        };
    }

    // A few steps move batch normalization's statistics and factors away from where they begin: folding them must matter.
    private static Network Trained(string family, int[] shape, float mean, bool teacher)
    {
        var training = family is "encoder" or "text-cnn" ? Texts(128, shape[0], 1) : Noise(128, shape, mean, 1);
        var plan = teacher
            ? Families.Teacher(family, 8, shape, new Classifier(3), 0, training.Vocabulary)
            : Families.Student(family, 8, shape, new Classifier(3), 0, training.Vocabulary);
        var network = new Network(plan, Normalization.Measure(training), 1);
        TrainingLoop.Run(network, training, training,
            new TrainingPhase("teacher", new TrainingSpec { Epochs = 2, BatchSize = 32, LearningRate = 1e-2 }, 1),
            new Progress(new IgnoredProgress(), "", 0, 1), CancellationToken.None);
        return network;
    }

    [Theory]
    [InlineData("conv1d", false, 0)]
    [InlineData("conv1d", true, 0)]
    [InlineData("conv1d", false, 300)]
    [InlineData("random-kernels", false, 0)]
    [InlineData("random-kernels", true, 300)]
    [InlineData("cnn", false, 0)]
    [InlineData("cnn", true, 0)]
    [InlineData("cnn", false, 300)]
    [InlineData("cnn-separable", false, 0)]
    [InlineData("cnn-separable", true, 300)]
    [InlineData("cnn-residual", false, 0)]
    [InlineData("cnn-residual", true, 300)]
    [InlineData("conv1d-residual", false, 0)]
    [InlineData("conv1d-residual", true, 300)]
    [InlineData("tcn", false, 0)]
    [InlineData("tcn", true, 300)]
    [InlineData("gru", false, 0)]
    [InlineData("gru", true, 300)]
    [InlineData("mlp", false, 0)]
    [InlineData("mlp", true, 300)]
    public void Exported_network_answers_held_out_samples_within_1e_4(string family, bool teacher, float mean)
    {
        int[] shape = family.StartsWith("cnn", StringComparison.Ordinal) ? [3, 12, 12] : [3, 100];
        using var network = Trained(family, shape, mean, teacher);
        Assert.InRange(CheckedExport.Write(network, _folder["m.onnx"], Noise(64, shape, mean, 2)), 0, 1e-4);
    }

    [Theory]
    [InlineData("encoder", 12, 2 * 4 + 1)]
    [InlineData("encoder", 1, 2 * 4 + 1)]
    [InlineData("text-cnn", 12, 1)]
    [InlineData("text-cnn", 1, 1)]
    public void Exported_network_answers_texts_as_it_was_trained_and_carries_its_vocabulary(string family, int length, int products)
    {
        using var network = Trained(family, [length], 0, teacher: false);
        Assert.InRange(CheckedExport.Write(network, _folder["m.onnx"], Texts(64, length, 2)), 0, 1e-4);
        var model = OnnxFile.Load(_folder["m.onnx"]);
        var metadata = model.MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value);
        Assert.Equal(network.Plan.Vocabulary!.Pieces, JsonSerializer.Deserialize<string[]>(metadata[Vocabulary.Key]));
        Assert.Equal($"{length}", metadata[Vocabulary.LengthKey]);
        Assert.Equal((int)TensorProto.Types.DataType.Int64, model.Graph.Input[0].Type.TensorType.ElemType);
        Assert.Empty(OnnxGraph.ProblemsOf(model.Graph));
        // Products with weights are Gemm alone: the forms that the quantizer makes integers of.
        Assert.Equal(products, model.Graph.Node.Count(node => node.OpType == "Gemm"));
    }

    [Fact]
    public void Kernels_of_one_channel_take_in_the_scale_of_their_own()
    {
        var plan = new NetworkPlan("depthwise first", [3, 16], [new Depthwise(3), new GlobalAverage(), new Classifier(3)]);
        using var network = new Network(plan, new Normalization([0, 0, 0], [0.1f, 1, 10]), 1);
        Assert.InRange(CheckedExport.Write(network, _folder["m.onnx"], Noise(64, [3, 16], 0, 2)), 0, 1e-4);
    }

    [Fact]
    public void Export_that_answers_differently_is_refused()
    {
        using var network = Trained("conv1d", [3, 100], 0, teacher: false);
        var model = StudentExport.Model(network.Plan, network.Normalization,
            [.. network.Folded().Select(layer => layer with { Bias = [.. layer.Bias.Select(bias => bias + 0.01f)] })]);
        OnnxFile.Save(model, _folder["m.onnx"]);
        Assert.Throws<BuildException>(() => CheckedExport.Compare(network, _folder["m.onnx"], Noise(64, [3, 100], 0, 2)));
    }

    [Fact]
    public void Graph_has_no_batch_normalization_names_its_ends_and_takes_any_batch()
    {
        using var network = Trained("cnn", [1, 12, 12], 0, teacher: false);
        CheckedExport.Write(network, _folder["m.onnx"], Noise(64, [1, 12, 12], 0, 2));
        var graph = OnnxFile.Load(_folder["m.onnx"]).Graph;
        Assert.DoesNotContain(graph.Node, node => node.OpType is "BatchNormalization" or "Mul");
        Assert.Equal(("input", "logits"), (Assert.Single(graph.Input).Name, Assert.Single(graph.Output).Name));
        Assert.Equal("batch", graph.Input[0].Type.TensorType.Shape.Dim[0].DimParam);
        Assert.All(graph.Node.Where(node => node.OpType == "Gemm"), node => Assert.Equal(1f, node.Find("beta")!.F));
        Assert.Empty(OnnxGraph.ProblemsOf(graph));
    }
}
