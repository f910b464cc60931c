using Fleet.Contracts.Builds;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;

namespace Fleet.Quantization.Tests.Techniques;

/// <summary>AWQ: the float model says what it said, the 4-bit one says it more exactly, with samples and without.</summary>
public sealed class ActivationAwareScalingTests : IDisposable
{
    private static readonly IReadOnlySet<string> None = new HashSet<string>();
    private static readonly IQuantizationScheme Scheme = QuantizationSchemes.Int4HalfQuadratic;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 1)]
    public void Float_output_stays_as_it_was_and_the_4_bit_one_comes_closer(bool withSamples, double decibels)
    {
        var source = Source(new EncoderModel(Layers: 2, Width: 128, Inner: 256, Heads: 4, Length: 16).Build(), withSamples);
        var scaled = Scaled(source);
        Assert.NotSame(source.Model, scaled.Model);
        Assert.InRange(Closeness(source, scaled.Model.Model).SignalToNoise, 90, double.PositiveInfinity);
        double Quantized(QuantizationSource one) => Closeness(source, Scheme.Apply(one, None)).SignalToNoise;
        Assert.InRange(Quantized(scaled) - Quantized(source), decibels, 30);
    }

    [Fact]
    public void Normalizations_that_nothing_else_reads_take_the_division_and_no_operator_is_added_without_samples()
    {
        var source = Source(new EncoderModel(Layers: 1, Width: 128, Inner: 256, Heads: 4, Length: 16).Build(), withSamples: false);
        var scaled = Scaled(source).Model.Graph.Graph.Node;
        Assert.Equal(source.Model.Graph.Graph.Node.Select(node => node.OpType), scaled.Select(node => node.OpType));
        Assert.All(scaled.Where(node => node.OpType == "LayerNormalization").Take(2),
            node => Assert.EndsWith("_smooth1", node.Input[1], StringComparison.Ordinal));
    }

    /// <summary>One output, as re-rankers have, cannot average errors out.</summary>
    [Fact]
    public void Encoder_layer_with_one_output_keeps_a_cosine_of_95_percent_at_4_bits_without_data()
    {
        var source = Source(
            new EncoderModel(Layers: 1, Width: 312, Inner: 1248, Heads: 12, Length: 16, Classes: 1).Build(), withSamples: false);
        var model = Scheme.Apply(Scaled(source), None);
        Assert.InRange(Closeness(source, model).Cosine, 0.95, 1);
        Assert.InRange((double)model.CalculateSize() / source.Model.Model.CalculateSize(), 0, 0.18);
    }

    [Fact]
    public void Loud_channel_that_others_read_too_takes_a_Mul_and_its_own_weights_are_exact_ones()
    {
        float[] loud = [.. Enumerable.Range(0, 64).Select(channel => channel % 16 == 3 ? 30f : 1f)];
        var source = Source(new GraphBuilder().Input("x", -1, 4, 64).Constant(Tensors.Of("gain", loud, 64)).Weight("w", 64, 32)
            .Node("Mul", ["x", "gain"], "loud").Node("MatMul", ["loud", "w"], "m").Node("ReduceMean", ["loud"], "level",
                node => node.With("axes", [-1L]).With("keepdims", 1)).Node("Add", ["m", "level"], "y").Output("y", -1, 4, 32).Build());
        var scaled = Scaled(source);
        Assert.Equal(2, scaled.Model.Graph.Graph.Node.Count(node => node.OpType == "Mul"));
        Assert.InRange(Closeness(source, scaled.Model.Model).SignalToNoise, 90, double.PositiveInfinity);
        Assert.InRange(Closeness(source, Scheme.Apply(scaled, None)).SignalToNoise
            - Closeness(source, Scheme.Apply(source, None)).SignalToNoise, 5, 60);
    }

    [Fact]
    public void Channels_that_lie_along_two_axes_before_a_Reshape_are_divided_behind_it()
    {
        float[] loud = [.. Enumerable.Range(0, 64).Select(channel => channel % 16 == 3 ? 30f : 1f)];
        var source = Source(new GraphBuilder().Input("x", -1, 4, 64).Constant(Tensors.Of("gain", loud, 4, 16)).Weight("w", 64, 32)
            .Constant(Tensors.Of("heads", [-1L, 4, 16], 3)).Constant(Tensors.Of("joined", [-1L, 64], 2))
            .Node("Reshape", ["x", "heads"], "split").Node("Mul", ["split", "gain"], "loud")
            .Node("Reshape", ["loud", "joined"], "rows").Node("MatMul", ["rows", "w"], "y").Output("y", -1, 32).Build());
        var scaled = Scaled(source);
        Assert.InRange(Closeness(source, scaled.Model.Model).SignalToNoise, 90, double.PositiveInfinity);
        Assert.InRange(Closeness(source, Scheme.Apply(scaled, None)).SignalToNoise
            - Closeness(source, Scheme.Apply(source, None)).SignalToNoise, 5, 60);
    }

    [Fact]
    public void Is_searched_once_whichever_operators_stay_float()
    {
        var source = Source(new EncoderModel(Layers: 1, Width: 64, Inner: 128, Heads: 4, Length: 8).Build());
        var kept = new HashSet<string> { Scheme.OperatorsOf(source.Model.Graph)[0] };
        Assert.Same(Scaled(source).Model,
            KnownTechniques.ActivationAwareScaling.Apply(source, Scheme, kept, TestContext.Current.CancellationToken).Model);
    }

    private static QuantizationSource Scaled(QuantizationSource source)
        => KnownTechniques.ActivationAwareScaling.Apply(source, Scheme, None, TestContext.Current.CancellationToken);

    private QuantizationSource Source(ModelProto model, bool withSamples = true)
    {
        OnnxFile.Save(model, _folder.File("m.onnx"));
        var prepared = PreparedModel.From(_folder.File("m.onnx"), _folder.Path);
        return new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
        {
            Samples = withSamples ? TinyModels.SamplesFor(prepared.Model, 32, seed: 1).Feeds("x") : null,
        };
    }

    /// <summary>How close a model is on samples that nothing was chosen by.</summary>
    private static Closeness Closeness(QuantizationSource source, ModelProto model)
    {
        AllOutputs Of(ModelProto one)
        {
            using var session = OnnxRuntimeSession.Open(one.ToByteArray(), "test");
            return AllOutputs.Of(session, TinyModels.SamplesFor(source.Model.Model, 64, seed: 2).Feeds("x"),
                TestContext.Current.CancellationToken);
        }
        return Of(model).Against(Of(source.Model.Model));
    }
}
