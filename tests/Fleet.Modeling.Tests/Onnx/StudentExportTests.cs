using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Students;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Onnx;

public sealed class StudentExportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public StudentExportTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static SampleSet Noise(int count, int[] shape, float mean, int seed)
    {
        var random = new Random(seed);
        var length = shape.Aggregate(1, (product, extent) => product * extent);
        return new SampleSet([.. Enumerable.Range(0, count * length).Select(_ => mean + (float)(20 * random.NextDouble() - 10))], shape, [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))]);
    }

    // A few steps move batch normalization's statistics and factors away from where they begin: folding them must matter.
    private static Network Trained(string family, int[] shape, float mean, bool teacher)
    {
        var training = Noise(128, shape, mean, 1);
        var plan = teacher ? Families.Teacher(family, 8, shape, 3) : Families.Student(family, 8, shape, 3);
        var network = new Network(plan, Normalization.Measure(training), 1);
        TrainingLoop.Run(network, training, training, new TrainingPhase("teacher", new TrainingSpec { Epochs = 2, BatchSize = 32, LearningRate = 1e-2 }, 1), new Progress(new Ignored(), "", 0, 1), CancellationToken.None);
        return network;
    }

    [Theory]
    [InlineData("conv1d", false, 0)]
    [InlineData("conv1d", true, 0)]
    [InlineData("conv1d", false, 300)]
    [InlineData("cnn", false, 0)]
    [InlineData("cnn", true, 0)]
    [InlineData("cnn", false, 300)]
    public void Exported_network_answers_held_out_samples_within_1e_4(string family, bool teacher, float mean)
    {
        int[] shape = family == "cnn" ? [3, 12, 12] : [3, 100];
        using var network = Trained(family, shape, mean, teacher);
        Assert.InRange(CheckedExport.Write(network, _folder["m.onnx"], Noise(64, shape, mean, 2)), 0, 1e-4);
    }

    [Fact]
    public void Export_that_answers_differently_is_refused()
    {
        using var network = Trained("conv1d", [3, 100], 0, teacher: false);
        var model = StudentExport.Model(network.Plan, network.Normalization, [.. network.Folded().Select(layer => layer with { Bias = [.. layer.Bias.Select(bias => bias + 0.01f)] })]);
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

    private sealed class Ignored : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) { }
    }
}
