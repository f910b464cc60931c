using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Schemes;
using Fleet.Quantization.Writing;
using Google.Protobuf;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Writing;

/// <summary>Biases and scales of normalizations in 16 bits.</summary>
public sealed class FloatVectorsTests
{
    [Fact]
    public void Answers_are_as_good_as_the_same_in_half_the_bytes()
    {
        var model = Encoder();
        var halved = FloatVectors.Halve(model.Clone());
        Assert.Equal(4, halved.Graph.Initializer.Count(tensor => tensor.Is(DataType.Float16)));
        Assert.InRange(model.CalculateSize() - halved.CalculateSize(), 4 * 128 * 2 - 250, 4 * 128 * 2);
        var samples = TinyModels.SamplesFor(model, 8, seed: 3).Feeds("x");
        float[] Run(ModelProto one)
        {
            using var session = OnnxRuntimeSession.Open(one.ToByteArray(), "vectors");
            return ModelOutputs.Of(session, samples, TestContext.Current.CancellationToken).Values;
        }
        Assert.InRange(Judgement.SignalToNoise(Run(halved), Run(model)), 60, 120);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("tiny")]
    [InlineData("read otherwise")]
    [InlineData("an output")]
    [InlineData("a matrix")]
    public void What_would_lose_or_save_nothing_stays_as_it_is(string kind)
    {
        var width = kind == "short" ? 16 : 128;
        var builder = new GraphBuilder().Input("x", -1, width)
            .Constant(Tensors.Of("b", [.. Enumerable.Range(0, width).Select(i => kind == "tiny" ? 1e-6f : 1f + i)], width))
            .Node(kind == "read otherwise" ? "Max" : "Add", ["x", "b"], "y").Output("y", -1, width);
        if (kind == "an output") builder = builder.Output("b", width);
        var model = kind == "a matrix"
            ? new GraphBuilder().Input("x", 2, width).Weight("b", 2, width).Node("Add", ["x", "b"], "y").Output("y", 2, width).Build()
            : builder.Build();
        Assert.Equal(model, FloatVectors.Halve(model.Clone()));
    }

    [Theory]
    [InlineData("int8-static-u8s8", true)]
    [InlineData("int8-dynamic", true)]
    [InlineData("int8-static-symmetric", false)]
    public void Schemes_for_processors_do_so_but_where_layers_are_held(string name, bool halves)
    {
        using var folder = new ScratchFolder();
        bool Halved(ModelProto model) => model.Graph.Initializer.Any(tensor => tensor.Is(DataType.Float16));
        Assert.Equal(halves, Halved(QuantizedModel.Of(Encoder(), name, folder).Model));
        OnnxFile.Save(Encoder(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var scheme = QuantizationSchemes.Named(name);
        var source = new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
        {
            Samples = TinyModels.SamplesFor(prepared.Model, 8, seed: 1).Feeds("x"),
            Held = new HashSet<string> { "m1" },
        };
        var held = source.Recalibrated(prepared, scheme, TestContext.Current.CancellationToken) with { Held = source.Held };
        Assert.False(Halved(scheme.Apply(held, source.Held)));
    }

    private static ModelProto Encoder() => new GraphBuilder().Input("x", -1, 128)
        .Weight("w1", 128, 128).Weight("b1", 128).Weight("w2", 128, 128).Weight("b2", 128)
        .Constant(Tensors.Of("scale", [.. Enumerable.Range(0, 128).Select(i => 0.5f + i / 100f)], 128))
        .Constant(Tensors.Of("shift", [.. Enumerable.Range(0, 128).Select(i => 0.1f + i / 300f)], 128))
        .Node("MatMul", ["x", "w1"], "m1").Node("Add", ["m1", "b1"], "a1").Node("Relu", ["a1"], "r1")
        .Node("LayerNormalization", ["r1", "scale", "shift"], "n1")
        .Node("MatMul", ["n1", "w2"], "m2").Node("Add", ["m2", "b2"], "y").Output("y", -1, 128).Build();
}
