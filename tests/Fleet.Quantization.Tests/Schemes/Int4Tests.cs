using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Schemes;

/// <summary>4-bit weights: how they are rounded, and what the runtime makes of both forms.</summary>
public sealed class Int4Tests
{
    [Theory]
    [InlineData("normal")]
    [InlineData("one-sided")]
    [InlineData("outlier")]
    public void Half_quadratic_rounding_is_never_further_from_the_weights_and_closer_where_they_are_uneven(string kind)
    {
        var random = new Random(5);
        var weights = new float[96 * 8];
        for (var i = 0; i < weights.Length; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble());
            weights[i] = (float)(kind switch
            {
                "one-sided" => 1 + 0.3 * normal,
                "outlier" => i / 8 % 32 == 5 ? 6 : normal,
                _ => normal,
            } * 0.02);
        }
        double Error(BlockRounding rounding)
        {
            var rounded = BlockWeights.Of(weights, 96, 8, BlockForm.Usual, rounding);
            return Enumerable.Range(0, weights.Length).Sum(i =>
            {
                var (row, column) = (i / 8, i % 8);
                var block = column * rounded.Blocks + row / 32;
                var error = weights[i] - rounded.Scales[block] * (rounded.Integers[block * 32 + row % 32] - rounded.ZeroPoints[block]);
                return (double)error * error;
            });
        }
        Assert.True(Error(BlockRounding.HalfQuadratic) <= Error(BlockRounding.Nearest) * (kind == "normal" ? 0.9 : 0.75));
    }

    [Fact]
    public void Weights_that_are_alike_or_zero_are_exact()
    {
        foreach (var value in new[] { 0f, 0.37f, -2f })
        {
            float[] weights = [.. Enumerable.Repeat(value, 40)];
            foreach (var rounding in Enum.GetValues<BlockRounding>())
            {
                var rounded = BlockWeights.Of(weights, 40, 1, BlockForm.Usual, rounding);
                Assert.All(Enumerable.Range(0, 40),
                    row => Assert.Equal(value, rounded.Scales[row / 32] * (rounded.Integers[row] - rounded.ZeroPoints[row / 32]), 1e-6f));
            }
        }
    }

    [Theory]
    [InlineData("int4-weights")]
    [InlineData("int4-weights-hqq")]
    [InlineData("int4-weights-gptq")]
    [InlineData("int4-weights-portable")]
    public void Every_product_becomes_a_4_bit_kernel_and_says_what_its_weights_say(string name)
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.X86Base.IsSupported, "What the runtime fuses was found on x64.");
        using var folder = new ScratchFolder();
        // 40 inputs are not a whole number of blocks.
        OnnxFile.Save(new GraphBuilder().Input("x", -1, 40).Weight("w1", 48, 40).Weight("b1", 48).Weight("w2", 48, 5)
            .Weight("b2", 5).Weight("w3", 5, 64)
            .Node("Gemm", ["x", "w1", "b1"], "g1", node => node.With("transB", 1)).Node("Relu", ["g1"], "r1")
            .Node("Gemm", ["r1", "w2", "b2"], "g2").Node("MatMul", ["g2", "w3"], "y")
            .Output("y", -1, 64).Build(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var scheme = QuantizationSchemes.Named(name);
        var model = scheme.Apply(
            new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
            {
                Samples = TinyModels.SamplesFor(prepared.Model, 32, seed: 1).Feeds("x"),
            }, new HashSet<string>());
        var runtime = scheme.Runtime(new RuntimeSettings());
        OnnxFile.Save(model, folder.File("q.onnx"));
        OnnxRuntimeSession.SaveOptimized(folder.File("q.onnx"), folder.File("o.onnx"), GraphOptimizationLevel.ORT_ENABLE_ALL, runtime);
        Assert.Equal(3, OnnxFile.Load(folder.File("o.onnx")).Graph.Node.Count(node => node.OpType == "MatMulNBits"));

        var samples = TinyModels.SamplesFor(prepared.Model, 32, seed: 2).Feeds("x");
        float[] Run(ModelProto one, RuntimeSettings settings)
        {
            using var session = OnnxRuntimeSession.Open(one.ToByteArray(), "test", settings);
            return ModelOutputs.Of(session, samples, TestContext.Current.CancellationToken).Values;
        }
        Assert.InRange(Judgement.SignalToNoise(Run(model, runtime), Run(prepared.Model, new RuntimeSettings())), 14, 40);
    }

    [Theory]
    [InlineData(8, true)]
    [InlineData(64, false)] // a thirteenth of the weights
    public void Product_that_gives_the_answers_keeps_16_bits_where_it_is_small(int classes, bool kept)
    {
        using var folder = new ScratchFolder();
        var made = QuantizedModel.Of(
            new EncoderModel(Layers: 1, Width: 64, Inner: 256, Heads: 4, Length: 8, Classes: classes).Build(), "int4-weights-hqq", folder);
        Assert.Equal(kept, made.Scheme.OperatorsOf(made.Source.Graph).Count < MatrixProducts.Of(made.Source.Graph).Count());
        Assert.Equal(kept ? 1 : 0,
            made.Model.Graph.Initializer.Count(tensor => tensor.Is(DataType.Float16) && tensor.Elements() == 64 * classes));
        // 4 bits, and of each block of 32 a scale and a zero point.
        var share = kept ? 64.0 * classes / MatrixProducts.Of(made.Source.Graph).Sum(product => product.Weight.Elements()) : 0;
        Assert.Equal(16 * share + 5.125 * (1 - share), BlockBits.AverageOf(made.Model)!.Value, 0.02);
        // Nothing remains to be done at a run: the runtime makes floats of them when it loads the file.
        Assert.DoesNotContain(made.Loaded(folder).Graph.Node, node => node.OpType == "Cast");
    }

    [Fact]
    public void Encoder_weighs_less_than_30_percent_with_its_Gemm_layers_included()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(new EncoderModel(Layers: 1, Width: 312, Inner: 1248, Heads: 12, Length: 8).Build(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        foreach (var scheme in new[]
        {
            QuantizationSchemes.Int4Weights, QuantizationSchemes.Int4HalfQuadratic, QuantizationSchemes.Int4Portable,
        })
        {
            var model = scheme.Apply(
                new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax")), new HashSet<string>());
            Assert.InRange((double)model.CalculateSize() / prepared.Model.CalculateSize(), 0.1, 0.2);
        }
    }

    [Fact]
    public void Model_of_an_older_operator_set_is_raised_and_still_runs()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(new GraphBuilder(opset: 13).Input("x", -1, 4, 32).Weight("w1", 32, 32)
            .Node("MatMul", ["x", "w1"], "m").Node("ReduceMax", ["m"], "top", node => node.With("axes", [1L]).With("keepdims", 0))
            .Node("ReduceMean", ["top"], "y", node => node.With("axes", [-1L]).With("keepdims", 1))
            .Output("y", -1, 1).Build(), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var model = QuantizationSchemes.Int4Portable.Apply(
            new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax")), new HashSet<string>());
        Assert.Equal(21, model.StandardVersion());
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "test");
        Assert.Equal(3, ModelOutputs.Of(session, new TinySamples(new float[3 * 128], [4, 32], new long[3]).Feeds("x"),
            TestContext.Current.CancellationToken).Values.Length);
    }
}
