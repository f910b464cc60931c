using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Onnx;
using Fleet.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Teachers;

public sealed class OnnxTeacherTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public OnnxTeacherTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    // Any exported network is somebody's teacher.
    private string Model(out Network network, int classes = 3)
    {
        network = new Network(Families.Student("conv1d", 4, [2, 50], new Classifier(classes)), new Normalization([0, 0], [1, 1]), 1);
        var path = _folder["teacher.onnx"];
        OnnxFile.Save(StudentExport.Model(network.Plan, network.Normalization, network.Folded()), path);
        return path;
    }

    private static SampleSet Samples(int count)
        => new([.. Enumerable.Range(0, count * 100).Select(i => (float)Math.Sin(i))], [2, 50],
            [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))]);

    private static string Refused(string path, int[] shape, int classes)
        => Assert.Throws<BuildException>(() => new OnnxTeacher(path, shape, classes).Dispose()).Message;

    [Fact]
    public void Logits_come_in_the_order_of_the_samples_also_past_one_batch()
    {
        var path = Model(out var network);
        using var _ = network;
        using ITeacherModel teacher = new OnnxTeacher(path, [2, 50], 3);
        teacher.Show(["layer1"]);
        var samples = Samples(150);
        var expected = network.Outputs(samples, CancellationToken.None);
        var logits = teacher.Outputs(samples, CancellationToken.None);
        Assert.Equal(expected.Length, logits.Length);
        Assert.All(expected.Zip(logits), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Teacher_shows_layers_by_name_and_any_value_of_its_graph()
    {
        var path = Model(out var network);
        using var _ = network;
        using var teacher = new OnnxTeacher(path, [2, 50], 3);
        var features = teacher.Show(["layer2", "layer6", "conv1"]);
        Assert.Equal(["layer2", "layer6", "conv1"], features.Select(feature => feature.Name));
        Assert.Equal(network.Plan.Features().Where(feature => feature.Name is "layer2" or "layer6")
            .Select(feature => string.Join(",", feature.Shape)), features.Take(2).Select(feature => string.Join(",", feature.Shape)));

        var samples = Samples(70);
        var widths = features.Select(feature => feature.Shape.Aggregate(1, (product, extent) => product * extent)).Prepend(3).ToArray();
        var rows = new float[70 * widths.Sum()];
        teacher.Answer(samples.Inputs, 70, rows);
        using var scope = NewDisposeScope();
        network.eval();
        var tap = new FeatureTap(scope, ["layer2", "layer6"]);
        var logits = network.forward(tensor(samples.Inputs, [70, 2, 50]), tap);
        foreach (var (value, column, width) in new[]
        {
            (logits, 0, widths[0]), (tap["layer2"], widths[0], widths[1]), (tap["layer6"], widths[0] + widths[1], widths[2]),
        })
        {
            var expected = value.data<float>().ToArray();
            var given = rows.Chunk(widths.Sum()).SelectMany(row => row.Skip(column).Take(width));
            Assert.All(expected.Zip(given), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        }
        Assert.Contains(rows.Chunk(widths.Sum()).SelectMany(row => row[^widths[3]..]), value => value < 0);
    }

    // In the graph the tokens of all samples are rows of one matrix; a feature is samples, tokens, channels on both sides.
    [Fact]
    public void Encoder_shows_hidden_states_and_queries_that_a_smaller_one_can_be_compared_with()
    {
        var vocabulary = new Vocabulary(["[PAD]", "[UNK]", "a", "b"]);
        using var network = new Network(Families.Student("encoder", 32, [6], new Classifier(3), 1, vocabulary), Normalization.None, 1);
        OnnxFile.Save(StudentExport.Model(network.Plan, network.Normalization, network.Folded()), _folder["encoder.onnx"]);
        using var teacher = new OnnxTeacher(_folder["encoder.onnx"], [6], 3, tokens: true);
        var query = network.Plan.Features().Single(feature => feature.Name.EndsWith(".query", StringComparison.Ordinal)).Name;
        var features = teacher.Show(["layer2", query]);
        Assert.All(features, feature => Assert.Equal([6, 32], feature.Shape));

        float[] tokens = [2, 3, 2, 1, 0, 0, 3, 3, 3, 2, 2, 0];
        var rows = new float[2 * (3 + 2 * 6 * 32)];
        teacher.Answer(tokens, 2, rows);
        using var scope = NewDisposeScope();
        network.eval();
        var tap = new FeatureTap(scope, ["layer2", query]);
        network.forward(tensor(tokens, [2, 6]), tap);
        float[] Of(int column) => [.. rows.Chunk(rows.Length / 2).SelectMany(row => row.Skip(column).Take(6 * 32))];
        Assert.All(tap["layer2"].contiguous().data<float>().ToArray().Zip(Of(3)), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));

        var student = network.Plan.Features().Single(feature => feature.Name == query);
        using var loss = Modeling.Distillation.Losses.DistillationLosses.ByName["attention"](
            new(new Contracts.Builds.LossSpec { Loss = "attention", Heads = 4 }, [(student, features[1])], new ClassLabels([]), 1));
        var same = loss.Of(new(tap[query], tap[query], tensor(new long[] { 0 }))
        {
            Pairs = [(tap[query], tensor(Of(3 + 6 * 32), [2, 6, 32]))],
        });
        Assert.Equal(0, same.ToDouble(), 1e-5);
    }

    [Fact]
    public void Feature_that_is_not_there_is_refused_with_those_that_are()
    {
        using var teacher = new OnnxTeacher(Model(out var network), [2, 50], 3);
        network.Dispose();
        var message = Assert.Throws<BuildException>(() => teacher.Show(["layer9"])).Message;
        Assert.Contains("no feature 'layer9'", message, StringComparison.Ordinal);
        Assert.Contains("layer1, layer2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Teacher_with_custom_operators_is_refused_with_their_names()
    {
        var message = Refused(SharedFiles.Require("onnx-superres/supres.onnx"), [1, 28, 28], 10);
        Assert.Contains("operators that ONNX Runtime does not have", message, StringComparison.Ordinal);
        Assert.Contains("::", message, StringComparison.Ordinal);
        Assert.Contains("standard ONNX operators", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Teacher_for_other_samples_is_refused_with_both_shapes()
    {
        var message = Refused(Model(out var network), [1, 50], 3);
        network.Dispose();
        Assert.Contains("(any, 2, 50)", message, StringComparison.Ordinal);
        Assert.Contains("(1, 50)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Teacher_of_other_classes_is_refused_with_both_counts()
    {
        var message = Refused(Model(out var network, classes: 4), [2, 50], 3);
        network.Dispose();
        Assert.Contains("shape (1, 4)", message, StringComparison.Ordinal);
        Assert.Contains("3 numbers", message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_that_is_not_ONNX_is_refused_by_name()
    {
        File.WriteAllText(_folder["teacher.onnx"], "PK not a model");
        Assert.Contains("teacher.onnx", Refused(_folder["teacher.onnx"], [2, 50], 3), StringComparison.Ordinal);
    }

    [Fact]
    public void File_that_is_missing_is_refused_by_name()
        => Assert.Contains("nowhere.onnx", Refused(_folder["nowhere.onnx"], [2, 50], 3), StringComparison.Ordinal);
}
