using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
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
        var model = Product(seed: 1);
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

    [Fact]
    public void Other_weights_of_the_same_name_are_its_own()
    {
        using var folder = new ScratchFolder();
        var (model, other) = (Product(seed: 1), Product(seed: 2));
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

    [Fact]
    public void Nothing_is_left_when_it_ends()
    {
        using var folder = new ScratchFolder();
        var model = Product(seed: 1);
        new MappedWeights(model, folder.File("weights.mapped")).Dispose();
        Assert.Null(MappedWeights.Of(model).Folder);
        Assert.Empty(Directory.EnumerateFiles(folder.Path));
        Assert.NotEmpty(Answer(model));
    }

    private static ModelProto Product(int seed)
    {
        var random = new Random(seed);
        var values = new float[Width * Width];
        for (var i = 0; i < values.Length; i++) values[i] = random.NextSingle() - 0.5f;
        ValueInfoProto Value(string name)
        {
            var shape = new TensorShapeProto();
            shape.Dim.Add([new() { DimValue = 1 }, new() { DimValue = Width }]);
            return new ValueInfoProto
            {
                Name = name,
                Type = new TypeProto { TensorType = new() { ElemType = (int)TensorProto.Types.DataType.Float, Shape = shape } },
            };
        }
        var model = new ModelProto { IrVersion = 8, Graph = new GraphProto { Name = "product" } };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 13 });
        model.Graph.Input.Add(Value("x"));
        model.Graph.Output.Add(Value("y"));
        model.Graph.Initializer.Add(Tensors.Of("w", values, Width, Width));
        model.Graph.Node.Add(Nodes.Node("MatMul", ["x", "w"], ["y"]));
        return model;
    }

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
