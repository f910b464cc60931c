using Fleet.Contracts.Inputs;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.TestKit;
using Google.Protobuf;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Students;

/// <summary>
/// The bytes that each family is exported as. Weights are drawn here and not by torch, whose kernels differ between processors:
/// what is left is folding, which is exact, and the graph. FLEET_WRITE_GOLDEN=1 writes the files anew, and the difference is reviewed.
/// </summary>
public sealed class StudentGoldenTests
{
    public StudentGoldenTests() => NativeEnvironment.Prepare();

    public static TheoryData<string, string, int, int, bool, int[]> Cases => new()
    {
        { "mlp", "mlp", 4, 2, false, [3, 4] },
        { "mlp-centred", "mlp", 4, 1, true, [3, 4] },
        { "conv1d", "conv1d", 2, 0, false, [2, 40] },
        { "conv1d-centred", "conv1d", 2, 0, true, [2, 40] },
        { "random-kernels", "random-kernels", 4, 0, true, [2, 40] },
        { "cnn", "cnn", 2, 2, false, [3, 8, 8] },
        { "cnn-separable", "cnn-separable", 2, 0, true, [1, 8, 8] },
        { "cnn-residual", "cnn-residual", 2, 0, true, [1, 8, 8] },
        { "conv1d-residual", "conv1d-residual", 2, 0, true, [2, 40] },
        { "tcn", "tcn", 4, 0, true, [2, 12] },
        { "gru", "gru", 4, 0, true, [2, 12] },
        { "encoder", "encoder", 16, 1, false, [6] },
        { "text-cnn", "text-cnn", 8, 0, false, [6] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Student_is_exported_byte_for_byte_as_before(string name, string family, int width, int depth, bool centred, int[] shape)
        => AssertGolden($"{name}.student.onnx", Families.Student(family, width, shape, new Classifier(3), depth, VocabularyOf(family)),
            centred);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Teacher_is_exported_byte_for_byte_as_before(string name, string family, int width, int depth, bool centred, int[] shape)
        => AssertGolden($"{name}.teacher.onnx", Families.Teacher(family, width, shape, new Classifier(3), depth, VocabularyOf(family)),
            centred);

    private static void AssertGolden(string name, NetworkPlan plan, bool centred)
    {
        var golden = Repository.PathOf("tests", "golden", "students", name);
        var bytes = Exported(plan, centred);
        if (Environment.GetEnvironmentVariable("FLEET_WRITE_GOLDEN") == "1") File.WriteAllBytes(golden, bytes);
        Assert.True(File.ReadAllBytes(golden).AsSpan().SequenceEqual(bytes), $"{name} is exported otherwise than its golden file.");
    }

    private static byte[] Exported(NetworkPlan plan, bool centred)
    {
        var channels = plan.InputShape[0];
        var normalization = plan.Vocabulary is not null
            ? Normalization.None
            : new Normalization([.. Enumerable.Range(1, channels).Select(channel => centred ? 10f * channel : 0)],
                [.. Enumerable.Range(1, channels).Select(channel => 1f / channel)]);
        using var network = new Network(plan, normalization, 1);
        Fill(network, new Random(1));
        return StudentExport.Model(plan, normalization, network.Folded()).ToByteArray();
    }

    // Everything that is folded: weights, biases, factors, and the running means and variances of batch normalization.
    private static void Fill(Network network, Random random)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (name, parameter) in network.named_parameters()) Draw(name, parameter, random);
        foreach (var (name, buffer) in network.named_buffers().Where(buffer => buffer.buffer.is_floating_point()))
            Draw(name, buffer, random);
    }

    private static void Draw(string name, Tensor value, Random random)
    {
        var from = name.EndsWith("running_var", StringComparison.Ordinal) ? 0.5f : -0.5f;
        float[] drawn = [.. Enumerable.Range(0, (int)value.numel()).Select(_ => from + random.NextSingle())];
        value.copy_(tensor(drawn, value.shape));
    }

    private static Vocabulary? VocabularyOf(string family)
        => family is "encoder" or "text-cnn" ? new Vocabulary(["[PAD]", "[UNK]", "a", "b", "c"]) : null;
}
