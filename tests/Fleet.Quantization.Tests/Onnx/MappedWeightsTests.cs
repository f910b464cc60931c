using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>Weights that many models share are mapped, and what models say is the same as with weights of their own.</summary>
public sealed class MappedWeightsTests
{
    private const int Width = 160;

    [Fact]
    public void Model_with_mapped_weights_answers_as_with_its_own()
    {
        using var folder = new ScratchFolder();
        var model = Product(step: 1);
        var own = Answer(model);
        using (new MappedWeights(model, folder.File("weights.mapped")))
        {
            var (apart, home) = MappedWeights.Of(model.Clone());
            Assert.Equal(folder.Path, home);
            Assert.InRange(apart.CalculateSize(), 1, 1000);
            Assert.Equal(own, Answer(model));
            Assert.Equal(own, Answer(model.Clone()));
        }
    }

    /// <summary>Opening a model gives their memory back, and the model may outlive the file's name.</summary>
    [Fact]
    public void Mapped_weights_are_read_again_as_they_were()
    {
        using var folder = new ScratchFolder();
        var model = Product(step: 1);
        float[] own = model.Graph.Initializer[0].ToSingles();
        var copy = model.Clone();
        using (new MappedWeights(model, folder.File("weights.mapped")))
        {
            for (var again = 0; again < 3; again++)
            {
                Assert.Equal(own, model.Graph.Initializer[0].ToSingles());
                Assert.Equal(copy, model);
                MappedWeights.Of(model);
            }
        }
        Assert.Equal(own, model.Graph.Initializer[0].ToSingles());
        Assert.Equal(copy.ToByteArray(), model.ToByteArray());
    }

    [Fact]
    public void Other_weights_of_the_same_name_are_its_own()
    {
        using var folder = new ScratchFolder();
        var (model, other) = (Product(step: 1), Product(step: 2));
        using var mapped = new MappedWeights(model, folder.File("weights.mapped"));
        Assert.Null(MappedWeights.Of(other).Folder);
        var alone = Answer(other);
        Assert.NotEqual(Answer(model), alone);

        // One weight mapped, one not.
        var both = model.Clone();
        both.Graph.Initializer.Add(new TensorProto(other.Graph.Initializer[0]) { Name = "w2" });
        both.Graph.Node.Add(Nodes.Node("MatMul", ["x", "w2"], ["y2"]));
        both.Graph.Output.Add(new ValueInfoProto(model.Graph.Output[0]) { Name = "y2" });
        Assert.Equal([.. Answer(model), .. alone], Answer(both));
    }

    /// <summary>A copy with weights of its own opens as it did, and takes none of a disk that has no room.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Changed_copy_has_its_weights_in_a_file_of_their_own(bool full)
    {
        using var folder = new ScratchFolder();
        var model = Product(step: 1);
        var changed = Product(step: 2);
        var (own, others) = (Answer(changed), Answer(model));
        using (new MappedWeights(model, folder.File("weights.mapped")))
        {
            var copy = model.Clone();
            copy.Graph.Initializer.Add(new TensorProto(changed.Graph.Initializer[0]) { Name = "w2" });
            copy.Graph.Node.Add(Nodes.Node("MatMul", ["x", "w2"], ["y2"]));
            copy.Graph.Output.Add(new ValueInfoProto(model.Graph.Output[0]) { Name = "y2" });
            if (full) File.CreateSymbolicLink(folder.File("weights.mapped.1"), "/dev/full");
            MappedWeights.Add(copy);
            MappedWeights.Add(changed); // Has nothing in common with what is mapped.
            Assert.Equal(full ? 1 : 2, Directory.EnumerateFiles(folder.Path).Count());
            Assert.Equal(full, MappedWeights.Of(copy).Model.CalculateSize() > Width * Width);
            Assert.Equal([.. others, .. own], Answer(copy));
        }
        Assert.Empty(Directory.EnumerateFiles(folder.Path));
    }

    [Fact]
    public void Nothing_is_left_on_a_full_disk()
    {
        using var folder = new ScratchFolder();
        var model = Product(step: 1);
        File.CreateSymbolicLink(folder.File("weights.mapped"), "/dev/full");
        Assert.ThrowsAny<IOException>(() => new MappedWeights(model, folder.File("weights.mapped")));
        Assert.Null(MappedWeights.Of(model).Folder);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
        Assert.True(File.Exists("/dev/full"));
    }

    [Fact]
    public void Model_of_small_weights_needs_no_file()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder(opset: 13)
            .Input("x", 1, 8).Weight("w", 8, 8).Node("MatMul", ["x", "w"], "y").Output("y", 1, 8).Build();
        using var mapped = new MappedWeights(model, folder.File("weights.mapped"));
        Assert.Empty(Directory.EnumerateFiles(folder.Path));
        Assert.Null(MappedWeights.Of(model).Folder);
    }

    [Fact]
    public void Nothing_is_left_when_it_ends()
    {
        using var folder = new ScratchFolder();
        var model = Product(step: 1);
        new MappedWeights(model, folder.File("weights.mapped")).Dispose();
        Assert.Null(MappedWeights.Of(model).Folder);
        Assert.Empty(Directory.EnumerateFiles(folder.Path));
        Assert.NotEmpty(Answer(model));
    }

    private static ModelProto Product(float step) => new GraphBuilder(opset: 13).Input("x", 1, Width)
        .Constant(Tensors.Of("w", [.. Enumerable.Range(0, Width * Width).Select(i => MathF.Sin(i * step))], Width, Width))
        .Node("MatMul", ["x", "w"], "y").Output("y", 1, Width).Build();

    private static float[] Answer(ModelProto model)
    {
        using var session = OnnxRuntimeSession.Open(model, "a product");
        using var input = OrtValue.CreateTensorValueFromMemory(
            Enumerable.Range(0, Width).Select(i => i / 100f).ToArray(), [1, Width]);
        using var options = new RunOptions();
        using var results = session.Run(options, ["x"], [input], session.OutputNames);
        return [.. results.SelectMany(result => result.GetTensorDataAsSpan<float>().ToArray())];
    }
}
