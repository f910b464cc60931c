using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests.Schemes;

/// <summary>Weights of 2, 3, 4 and 8 bits in blocks of 16 to 256: what the runtime computes with them, and how layers share bits.</summary>
public sealed class FewBitsTests : IDisposable
{
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2, 16)]
    [InlineData(2, 32)]
    [InlineData(2, 128)]
    [InlineData(2, 256)]
    [InlineData(3, 16)]
    [InlineData(3, 32)]
    [InlineData(3, 128)]
    [InlineData(3, 256)]
    [InlineData(4, 16)]
    [InlineData(4, 32)]
    [InlineData(4, 128)]
    [InlineData(4, 256)]
    [InlineData(8, 16)]
    [InlineData(8, 32)]
    [InlineData(8, 128)]
    [InlineData(8, 256)]
    public void Runtime_computes_with_the_weights_as_they_were_rounded(int bits, int size)
    {
        var source = Source(Product());
        var rounding = new ProductRounding(new BlockForm(bits, size), BlockRounding.HalfQuadratic);
        var rounded = rounding.Of(source).Single().Value;
        var expected = source.Model.Model.Clone();
        expected.Graph.Initializer.Single(tensor => tensor.Name == "w").RawData = Tensors.Of("w",
            [.. Enumerable.Range(0, 300 * 24).Select(i => rounded.Real(i / 24, i % 24))], 300, 24).RawData;
        // The kernels round activations to 8 bits.
        Assert.InRange(Judgement.SignalToNoise(Run(Scheme(rounding).Apply(source, None)), Run(expected)), 35, double.PositiveInfinity);
    }

    [Fact]
    public void Three_bits_in_the_file_are_the_same_integers_in_4_bits_once_loaded_and_nothing_is_computed_at_a_run()
    {
        var source = Source(Product());
        var three = new ProductRounding(new BlockForm(3, 32), BlockRounding.HalfQuadratic).Of(source).Single().Value;
        var product = MatrixProducts.Of(source.Model.Graph).Single();
        ModelProto Written(BlockWeights weights)
        {
            var model = MatrixProducts.Rewrite(source.Model.Graph, None, "test",
                (_, rewriting) => BlockProducts.Write(product, weights, rewriting));
            model.Declare(Opsets.Microsoft, 1);
            LaterOpset.Raise(model, ThreeBits.FirstOpset);
            return model;
        }
        var file = Written(three);
        var inFour = Written(three with { Form = new BlockForm(4, 32) });
        Assert.Equal(Run(inFour), Run(file));
        // Beside the integers there are zero points and masks.
        long Bytes(ModelProto model) => model.Graph.Initializer
            .Where(tensor => tensor.DataType == (int)TensorProto.Types.DataType.Uint8 && tensor.RawData.Length > 500)
            .Sum(tensor => tensor.RawData.Length);
        Assert.Equal(0.75, (double)Bytes(file) / Bytes(inFour));

        OnnxFile.Save(file, _folder.File("q.onnx"));
        OnnxRuntimeSession.SaveOptimized(_folder.File("q.onnx"), _folder.File("o.onnx"), GraphOptimizationLevel.ORT_ENABLE_ALL);
        Assert.Equal(["MatMulNBits"], OnnxFile.Load(_folder.File("o.onnx")).Graph.Node.Select(node => node.OpType));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Layers_that_share_bits_come_closer_than_4_bits_each_in_fewer_bytes_and_unseen_as_close(bool withSamples)
    {
        var source = Source(new EncoderModel(Layers: 3, Width: 96, Inner: 384, Heads: 4, Length: 16).Build(), withSamples);
        var each = withSamples ? QuantizationSchemes.Int4Gptq : QuantizationSchemes.Int4HalfQuadratic;
        var (shared, plain) = (QuantizationSchemes.MixedOf(5).Apply(source, None), each.Apply(source, None));
        Assert.InRange((double)shared.CalculateSize() / plain.CalculateSize(), 0.5, 1);
        var expected = Run(source.Model.Model);
        double Decibels(ModelProto model) => Judgement.SignalToNoise(Run(model), expected);
        // Unseen, sharing gives a layer little that rounding each alike does not.
        Assert.InRange(Decibels(shared) - Decibels(plain), withSamples ? 1 : -1, 30);
    }

    /// <summary>The goal for 4 bits without data: re-rankers have one output, in which no errors average out.</summary>
    [Fact]
    public void Encoder_with_one_output_keeps_a_cosine_of_95_percent_in_the_bytes_of_4_bits_without_data()
    {
        var source = Source(
            new EncoderModel(Layers: 4, Width: 312, Inner: 1248, Heads: 12, Length: 16, Classes: 1).Build(), withSamples: false);
        var scheme = QuantizationSchemes.MixedOf(5);
        var model = scheme.Apply(
            KnownTechniques.ActivationAwareScaling.Apply(source, scheme, None, TestContext.Current.CancellationToken), None);
        Assert.InRange(model.CalculateSize(), 0, QuantizationSchemes.Int4HalfQuadratic.Apply(source, None).CalculateSize());
        AllOutputs Of(ModelProto one)
        {
            using var session = OnnxRuntimeSession.Open(one.ToByteArray(), "test");
            return AllOutputs.Of(session, TinyModels.SamplesFor(source.Model.Model, 64, seed: 2).Feeds("x"),
                TestContext.Current.CancellationToken);
        }
        Assert.InRange(Of(model).Against(Of(source.Model.Model)).Cosine, 0.95, 1);
    }

    [Theory]
    [InlineData(2.5)]
    [InlineData(3.5)]
    [InlineData(6)]
    public void Average_is_kept_with_scales_and_zero_points(double bits)
    {
        var source = Source(new EncoderModel(Layers: 1, Width: 128, Inner: 256, Heads: 4, Length: 8).Build());
        var rounded = new BudgetedRounding(bits).Of(source);
        var weights = MatrixProducts.Of(source.Model.Graph).Sum(product => product.Weight.Elements());
        var stored = rounded.Values.Sum(one => (long)one.Integers.Length * one.Form.Bits
            + one.Scales.Length * (32 + (one.Form.Bits == 3 ? 4 : one.Form.Bits)));
        Assert.InRange((double)stored / weights, bits - 0.6, bits);
    }

    /// <summary>Without samples the model is not run, and nothing but the layers can ask.</summary>
    [Fact]
    public void Layers_are_rounded_and_bits_shared_out_no_further_than_somebody_wants_them()
    {
        var source = Source(Product(), withSamples: false) with { Cancellation = new CancellationToken(canceled: true) };
        Assert.Throws<OperationCanceledException>(() => new BudgetedRounding(4).Of(source));
        Assert.Throws<OperationCanceledException>(() => new ProductRounding(BlockForm.Usual, BlockRounding.HalfQuadratic).Of(source));
    }

    [Fact]
    public void Gptq_stops_between_the_last_sample_and_the_first_layer()
    {
        using var stop = new CancellationTokenSource();
        var source = Source(Product());
        source = source with { Samples = new StopsBehind(source.Samples!, stop), Cancellation = stop.Token };
        Assert.Throws<OperationCanceledException>(
            () => new ProductRounding(BlockForm.Usual, BlockRounding.HalfQuadratic, Compensates: true).Of(source));
    }

    /// <summary>Asks to stop once all samples were seen.</summary>
    private sealed class StopsBehind(IFeedSource source, CancellationTokenSource stop) : IFeedSource
    {
        public int Count => source.Count;

        public IEnumerable<Feed> Batches(int batchSize)
        {
            foreach (var feed in source.Batches(batchSize)) yield return feed;
            stop.Cancel();
        }
    }

    [Theory]
    [InlineData(2.5)]
    [InlineData(3.5)]
    [InlineData(6)]
    public void What_the_file_takes_is_counted_as_it_was_written_with_layers_that_stay_float(double bits)
    {
        var source = Source(new EncoderModel(Layers: 1, Width: 128, Inner: 256, Heads: 4, Length: 8).Build());
        var scheme = QuantizationSchemes.MixedOf(bits);
        Assert.InRange(BlockBits.AverageOf(scheme.Apply(source, None))!.Value, bits - 0.7, bits + 0.01);
        WeightedOperator[] products = [.. MatrixProducts.Of(source.Model.Graph)];
        var share = products[0].Weight.Elements() / (double)products.Sum(product => product.Weight.Elements());
        var kept = new HashSet<string> { products[0].Node.Output[0] };
        // What costs too much in fewer bits has 8, and what somebody asked for is float.
        Assert.InRange(BlockBits.AverageOf(scheme.Apply(source, kept))!.Value, 8.3 * share + 2 * (1 - share), 8.4 * share + bits);
        Assert.InRange(BlockBits.AverageOf(scheme.Apply(source with { Held = kept }, kept))!.Value,
            32 * share + 2 * (1 - share), 32 * share + bits + 1);
        Assert.Null(BlockBits.AverageOf(source.Model.Model));
    }

    [Fact]
    public void Layer_that_is_kept_has_8_bits_unless_a_few_weights_leave_them_nothing_for_the_others()
    {
        WeightedOperator Of(float largest)
        {
            var random = new Random(3);
            float[] weights = [.. Enumerable.Range(0, 256 * 8).Select(i => i / 8 % 32 == 0 ? largest : random.NextSingle() - 0.5f)];
            return MatrixProducts.Of(new OnnxGraph(new GraphBuilder().Input("x", -1, 256).Constant(Tensors.Of("w", weights, 256, 8))
                .Node("MatMul", ["x", "w"], "y").Output("y", -1, 8).Build())).Single();
        }
        Assert.Equal(new BlockForm(8, 128), BudgetedRounding.Closely(Of(0.5f))!.Form);
        Assert.Null(BudgetedRounding.Closely(Of(100)));
    }

    private static BlockWeightsScheme Scheme(IProductRounding rounding) => new("test", "test", rounding);

    /// <summary>300 inputs are no whole number of blocks of any size.</summary>
    private static ModelProto Product() => new GraphBuilder().Input("x", -1, 300).Weight("w", 300, 24).Node("MatMul", ["x", "w"], "y")
        .Output("y", -1, 24).Build();

    private QuantizationSource Source(ModelProto model, bool withSamples = true)
    {
        OnnxFile.Save(model, _folder.File("m.onnx"));
        var prepared = PreparedModel.From(_folder.File("m.onnx"), _folder.Path);
        return new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
        {
            Samples = withSamples ? TinyModels.SamplesFor(prepared.Model, 64, seed: 1).Feeds("x") : null,
        };
    }

    private static float[] Run(ModelProto model)
    {
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), "test");
        return ModelOutputs.Of(session, TinyModels.SamplesFor(model, 64, seed: 2).Feeds("x"), TestContext.Current.CancellationToken).Values;
    }
}
