using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Onnx;
using Fleet.Quantization.Weights;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Schemes;

public sealed class Int8WeightsTests
{
    public static TheoryData<string> Models => ["conv", "conv-transpose", "gemm", "matmul", "lstm", "gru", "gather", "branches"];

    [Theory]
    [MemberData(nameof(Models))]
    public void Weights_of_every_kind_take_a_byte_and_are_float_again_once_loaded(string name)
    {
        using var folder = new ScratchFolder();
        var prepared = Prepared(name, folder);
        var scheme = QuantizationSchemes.Int8Weights;
        var model = scheme.Apply(Source(prepared), new HashSet<string>());
        Assert.Empty(OnnxGraph.ProblemsOf(model.Graph));
        Assert.InRange(model.CalculateSize(), 1, prepared.Model.CalculateSize() * 0.5);

        var runtime = scheme.Runtime(new RuntimeSettings());
        Assert.InRange(Noise(prepared.Model, model, runtime), 34, 80);
        OnnxFile.Save(model, folder.File("q.onnx"));
        OnnxRuntimeSession.SaveOptimized(
            folder.File("q.onnx"), folder.File("loaded.onnx"), GraphOptimizationLevel.ORT_ENABLE_BASIC, runtime);
        Assert.DoesNotContain(Scopes.NodesOf(OnnxFile.Load(folder.File("loaded.onnx")).Graph),
            node => node.OpType is "DequantizeLinear" or "Mul");
    }

    [Fact]
    public void Operator_kept_for_accuracy_is_stored_in_16_bits()
    {
        using var folder = new ScratchFolder();
        var prepared = Prepared("gemm", folder);
        var scheme = QuantizationSchemes.Int8Weights;
        Assert.Equal(["a", "y"], scheme.OperatorsOf(prepared.Graph));
        var all = scheme.Apply(Source(prepared), new HashSet<string>());
        var one = scheme.Apply(Source(prepared), new HashSet<string> { "a" });
        var none = scheme.Apply(Source(prepared), new HashSet<string> { "a", "y" });
        Assert.InRange(one.CalculateSize(), all.CalculateSize() + 1, prepared.Model.CalculateSize() - 1);
        Assert.True(Noise(prepared.Model, one, OnnxRuntimeSession.Plain) > Noise(prepared.Model, all, OnnxRuntimeSession.Plain));
        Assert.InRange(Noise(prepared.Model, none, OnnxRuntimeSession.Plain), 60, double.PositiveInfinity);
    }

    [Fact]
    public void Places_of_small_weights_get_a_finer_scale()
    {
        // A window: the weights at its ends are a hundredth of those in the middle.
        var random = new Random(3);
        float[] weights = [
            .. Enumerable.Range(0, 64 * 50)
                .Select(i => (random.NextSingle() - 0.5f) * MathF.Max(0.01f, MathF.Sin(MathF.PI * (i % 50) / 49))),
        ];
        var balanced = BalancedWeights.Of(weights, [64, 50], axis: 0);
        Assert.Equal(50, balanced.PlaceScales.Length);
        double Error(Func<int, double> value) => weights.Select((weight, i) => Math.Pow(value(i) - weight, 2)).Sum();
        var plain = ChannelWeights.Of(weights, [64, 50], axis: 0);
        Assert.InRange(Error(i => balanced.Values[i] * (double)balanced.Scales[i / 50] * balanced.PlaceScales[i % 50]), 0,
            0.7 * Error(i => plain.Values[i] * (double)plain.Scales[i / 50]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public void Places_are_counted_along_any_axis(int axis)
    {
        var random = new Random(4);
        float[] weights = [
            .. Enumerable.Range(0, 40 * 48).Select(i => (random.NextSingle() - 0.5f) * (axis == 1 ? 1 + i / 48 : 1 + i % 48)),
        ];
        var balanced = BalancedWeights.Of(weights, [40, 48], axis);
        for (var i = 0; i < weights.Length; i++)
        {
            var (channel, place) = axis == 1 ? (i % 48, i / 48) : (i / 48, i % 48);
            var scale = balanced.Scales[channel] * balanced.PlaceScales[place];
            Assert.InRange(balanced.Values[i] * scale, weights[i] - scale * 0.51f, weights[i] + scale * 0.51f);
        }
    }

    [Fact]
    public void Model_in_16_bits_is_quantized_like_a_float_one()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", 1, 8, 6, 6).Weight("w", 40, 8, 3, 3).Node("Conv", ["x", "w"], "y")
            .Output("y", 1, 40, 4, 4).Build();
        model.Graph.Initializer[0] = Tensors.Of(
            "w", Array.ConvertAll(model.Graph.Initializer[0].ToSingles(), value => (Half)value), [.. model.Graph.Initializer[0].Dims]);
        foreach (var value in model.Graph.Input.Concat(model.Graph.Output)) value.Type.TensorType.ElemType = (int)DataType.Float16;
        OnnxFile.Save(model, folder.File("half.onnx"));
        var prepared = PreparedModel.From(folder.File("half.onnx"), folder.Path);
        var scheme = QuantizationSchemes.Int8Weights;
        var quantized = scheme.Apply(Source(prepared), new HashSet<string>());
        Assert.InRange(quantized.CalculateSize(), 1, model.CalculateSize() * 0.8);
        Assert.InRange(Noise(model, quantized, scheme.Runtime(OnnxRuntimeSession.Plain)), 34, 80);
        Assert.NotEmpty(QuantizationSchemes.Int8U8S8.OperatorsOf(prepared.Graph));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(15)]
    [InlineData(18)]
    [InlineData(21)]
    [InlineData(23)]
    [InlineData(25)]
    [InlineData(26)]
    public void Every_operator_set_the_runtime_loads_is_quantized(long opset)
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder(opset).Input("x", 1, 8, 6, 6).Weight("w", 32, 8, 3, 3).Weight("v", 512, 24)
            .Node("Conv", ["x", "w"], "c").Node("Relu", ["c"], "r").Node("Flatten", ["r"], "f").Node("MatMul", ["f", "v"], "m")
            .Node("Softmax", ["m"], "y", node => node.With("axis", 1)).Output("y", 1, 24).Build();
        model.IrVersion = opset < 21 ? 7 : 10;
        OnnxFile.Save(model, folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        foreach (var scheme in new[] { QuantizationSchemes.Int8Weights, QuantizationSchemes.Int8Dynamic })
            Assert.InRange(Noise(model, scheme.Apply(Source(prepared), new HashSet<string>()), scheme.Runtime(OnnxRuntimeSession.Plain)),
                25, 90);
    }

    [Fact]
    public void Model_without_weights_is_refused()
    {
        using var folder = new ScratchFolder();
        var prepared = PreparedModel.From(
            new GraphBuilder().Input("x", 1, 4).Node("Relu", ["x"], "y").Output("y", 1, 4).Save(folder), folder.Path);
        Assert.Throws<InvalidDataException>(() => QuantizationSchemes.Int8Weights.Apply(Source(prepared), new HashSet<string>()));
    }

    [Theory]
    [InlineData("lstm")]
    [InlineData("lstm-both-ways")]
    public void Recurrent_layer_becomes_integer_in_the_dynamic_scheme(string name)
    {
        using var folder = new ScratchFolder();
        var prepared = Prepared(name, folder);
        var scheme = QuantizationSchemes.Int8Dynamic;
        var model = scheme.Apply(Source(prepared), new HashSet<string>());
        Assert.Contains(model.Graph.Node, node => node.OpType == "DynamicQuantizeLSTM");
        Assert.InRange(model.CalculateSize(), 1, prepared.Model.CalculateSize() * 0.5);
        Assert.InRange(Noise(prepared.Model, model, OnnxRuntimeSession.Plain), 28, 80);
        var kept = scheme.Apply(Source(prepared), scheme.OperatorsOf(prepared.Graph).ToHashSet());
        Assert.Equal(Closeness.Exact, Noise(prepared.Model, kept, OnnxRuntimeSession.Plain));
    }

    private static QuantizationSource Source(PreparedModel prepared)
        => new(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"));

    private static PreparedModel Prepared(string name, ScratchFolder folder)
    {
        var path = folder.File("model.onnx");
        OnnxFile.Save(name switch
        {
            "conv" => new GraphBuilder().Input("x", 1, 32, 6, 6).Weight("w", 40, 32, 3, 3).Node("Conv", ["x", "w"], "y")
                .Output("y", 1, 40, 4, 4).Build(),
            "conv-transpose" => new GraphBuilder().Input("x", 1, 32, 6, 6).Weight("w", 32, 40, 3, 3).Node("ConvTranspose", ["x", "w"], "y")
                .Output("y", 1, 40, 8, 8).Build(),
            "gemm" => new GraphBuilder().Input("x", 1, 64).Weight("v", 64, 64).Weight("w", 48, 64).Node("MatMul", ["x", "v"], "a")
                .Node("Gemm", ["a", "w"], "y", node => node.With("transB", 1)).Output("y", 1, 48).Build(),
            "matmul" => new GraphBuilder().Input("x", 1, 5, 64).Weight("w", 64, 48).Node("MatMul", ["x", "w"], "y")
                .Output("y", 1, 5, 48).Build(),
            "lstm" => Recurrent("LSTM", gates: 4, directions: 1),
            "lstm-both-ways" => Recurrent("LSTM", gates: 4, directions: 2),
            "gru" => Recurrent("GRU", gates: 3, directions: 1),
            "gather" => Table(),
            _ => ScopesTests.Branches(sameWeights: false),
        }, path);
        return PreparedModel.From(path, folder.Path);
    }

    private static ModelProto Recurrent(string operation, int gates, int directions) => new GraphBuilder().Input("x", 7, 1, 24)
        .Weight("w", directions, gates * 32, 24).Weight("r", directions, gates * 32, 32).Weight("b", directions, gates * 64)
        .Node(operation, ["x", "w", "r", "b"], "y",
            node => node.With("hidden_size", 32).With("direction", directions == 2 ? "bidirectional" : "forward"))
        .Output("y", 7, directions, 1, 32).Build();

    private static ModelProto Table()
    {
        var model = new GraphBuilder().Weight("table", 50, 48).Node("Gather", ["table", "ids"], "y").Output("y", 1, 9, 48).Build();
        model.Graph.Input.Add(new ValueInfoProto
        {
            Name = "ids",
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor
                {
                    ElemType = (int)DataType.Int64,
                    Shape = new TensorShapeProto
                    {
                        Dim =
                        {
                            new TensorShapeProto.Types.Dimension { DimValue = 1 }, new TensorShapeProto.Types.Dimension { DimValue = 9 },
                        },
                    },
                },
            },
        });
        return model;
    }

    /// <summary>Decibels of the quantized model's outputs against the float model's, on noise.</summary>
    private static double Noise(ModelProto reference, ModelProto quantized, RuntimeSettings runtime)
    {
        using var expected = OnnxRuntimeSession.Open(reference.ToByteArray(), "float");
        using var actual = OnnxRuntimeSession.Open(quantized.ToByteArray(), "quantized", runtime);
        var feeds = new SyntheticFeeds(ModelInput.Of(expected), 6, seed: 5);
        return Judgement.SignalToNoise(AllOutputs.Of(actual, feeds, default).Values, AllOutputs.Of(expected, feeds, default).Values);
    }
}
