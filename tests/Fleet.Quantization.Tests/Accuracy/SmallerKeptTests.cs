using Fleet.Contracts.Builds;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Schemes;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Accuracy;

/// <summary>Weights of layers that stay float for accuracy.</summary>
public sealed class SmallerKeptTests
{
    private const int Width = 96;

    [Theory]
    [InlineData("int8-static-u8s8", true)]
    [InlineData("int8-static-s8s8", true)]
    [InlineData("int8-static-symmetric", false)]
    [InlineData("int8-dynamic", true)]
    public void Layer_that_stays_float_has_a_quarter_or_half_of_its_bytes_and_is_float_once_it_is_loaded(string scheme, bool inBytes)
    {
        using var folder = new ScratchFolder();
        var quantized = QuantizedModel.Of(Model(), scheme, folder, new HashSet<string> { "b" });
        var weight = Assert.Single(KeptWeights.Of(quantized.Model)).Tensor;
        Assert.Equal((Width, Width), (weight.Dims[0], weight.Dims[1]));
        foreach (var bytes in inBytes ? new[] { false, true } : [false])
        {
            var stored = quantized with { Model = KeptWeights.Stored(quantized.Model, bytes ? new HashSet<string> { weight.Name } : []) };
            Assert.Empty(OnnxGraph.ProblemsOf(stored.Model.Graph));
            Assert.InRange(quantized.Model.CalculateSize() - stored.Model.CalculateSize(),
                Width * Width * (bytes ? 3 : 2) - 3000, Width * Width * (bytes ? 3 : 2));
            // Rounding all else to 8 bits is what costs.
            Assert.InRange(stored.SignalToNoise(), quantized.SignalToNoise() - (bytes ? 3 : 0.1), 100);
            Assert.DoesNotContain(stored.Loaded(folder).Graph.Node, node => node.OpType == "Cast");
            if (scheme == "int8-static-symmetric") Assert.Empty(TensorRtRules.ProblemsOf(stored.Model));
        }
    }

    [Theory]
    [InlineData(40, 40, 40, true)] // nothing costs anything: bytes
    [InlineData(40, 40, 35, false)] // bytes cost: 16 bits
    [InlineData(40, 30, 30, null)] // even 16 bits cost: as it was
    [InlineData(10, 10, 10, true)] // below the limit all the same, which makes nothing worse
    public void Bytes_are_saved_where_that_costs_nothing(double given, double halves, double bytes, bool? inBytes)
    {
        using var folder = new ScratchFolder();
        var quantized = QuantizedModel.Of(Model(), "int8-static-u8s8", folder, new HashSet<string> { "b" });
        var made = new ControlledModel(quantized.Model, At(given), Calibrators.Named("minmax"), _ => quantized.Model);
        Judged Judge(ModelProto model)
        {
            var scaled = model.Graph.Node.Where(node => node.OpType == "Mul").SelectMany(node => node.Input);
            return At(scaled.Any(input => IsMadeOf(input, DataType.Int8, model)) ? bytes : halves);
        }
        var small = new SmallerKept(quantized.Scheme, Judge, TestContext.Current.CancellationToken).Of(made, limit: -20);
        Assert.Equal(inBytes, small.InBytes is null ? null : small.InBytes.Count > 0);
        Assert.Equal(inBytes is null, ReferenceEquals(small, made));
    }

    [Fact]
    public void Weights_that_16_bits_cannot_hold_stay_as_they_are()
    {
        using var folder = new ScratchFolder();
        var model = Model();
        var tiny = model.Graph.Initializer.Single(tensor => tensor.Name == "w2");
        model.Graph.Initializer[model.Graph.Initializer.IndexOf(tiny)]
            = Tensors.Of("w2", Array.ConvertAll(tiny.ToSingles(), value => value * 1e-8f), Width, Width);
        var quantized = QuantizedModel.Of(model, "int8-static-u8s8", folder, new HashSet<string> { "b" });
        Assert.Equal(quantized.Model, KeptWeights.Stored(quantized.Model, new HashSet<string>()));
    }

    private static bool IsMadeOf(string value, DataType type, ModelProto model)
        => model.Graph.Node.FirstOrDefault(node => node.Output.Contains(value)) is { OpType: "Cast" } cast
            && model.Graph.Initializer.Any(tensor => tensor.Name == cast.Input[0] && tensor.Is(type));

    private static Judged At(double decibels) => Judged.By(new Closeness(decibels, 1, null));

    private static ModelProto Model() => new GraphBuilder().Input("x", 1, 4, Width).Weight("w1", Width, Width).Weight("w2", Width, Width)
        .Weight("w3", Width, Width).Node("MatMul", ["x", "w1"], "a").Node("Relu", ["a"], "r").Node("MatMul", ["r", "w2"], "b")
        .Node("Relu", ["b"], "s").Node("MatMul", ["s", "w3"], "y").Output("y", 1, 4, Width).Build();
}
