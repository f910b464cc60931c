using System.Globalization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Schemes;

/// <summary>Static int8 inside If, Loop and Scan, by what the samples that get there do.</summary>
public sealed class InnerGraphTests : IDisposable
{
    private const int Channels = 16, Side = 6, Turns = 3;

    /// <summary>Weights that compute in integers, and those that are made float when the file is loaded.</summary>
    private const string Integer = "DequantizeLinear", AtRest = "Cast";

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("1,-1,1", 2, 1)]
    [InlineData("1,1", 2, 0)]
    [InlineData("-1", 0, 1)]
    public void Values_of_branches_are_counted_for_the_samples_that_take_them(string signs, int then, int other)
    {
        var prepared = Prepared(Branches());
        var histograms = CalibrationRun.Count(
            prepared.Model, ["x", "r", "e", "y"], Samples(signs, 1), 1, TestContext.Current.CancellationToken);
        Assert.Equal(then * Channels * Side * Side, histograms["r"].Count);
        Assert.Equal(other * Channels * Side * Side, histograms["e"].Count);
        Assert.Equal((then + other) * Channels * Side * Side, histograms["y"].Count);
        // What a branch returns is what comes out of the If.
        if (other == 0) Assert.Equal(histograms["r"].Range, histograms["y"].Range);
        if (then == 0) Assert.Equal(histograms["e"].Range, histograms["y"].Range);
        if (then > 0) Assert.Equal(0, histograms["r"].Range.Low);
    }

    [Theory]
    [InlineData("Loop")]
    [InlineData("Scan")]
    public void Values_of_bodies_are_counted_in_each_turn(string operation)
    {
        var prepared = Prepared(operation == "Loop" ? Looped() : Scanned());
        var samples = Rows("0.3,-0.2");
        var histograms = CalibrationRun.Count(prepared.Model, ["c", "m", "d"], samples, 1, TestContext.Current.CancellationToken);
        Assert.All(histograms.Values, histogram => Assert.Equal(2 * Turns * Channels, histogram.Count));
        using var session = OnnxRuntimeSession.Open(prepared.Model, "looped");
        var last = AllOutputs.Of(session, samples, TestContext.Current.CancellationToken).Values;
        // The last turn's value is the output; those before it were seen as well.
        Assert.InRange(last.Max(), histograms["d"].Range.Low, histograms["d"].Range.High);
        Assert.NotEqual(last.Max(), histograms["m"].Range.High);
    }

    [Theory]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-static-u8u8")]
    [InlineData("int8-static-s8s8")]
    public void Both_branches_compute_in_integers_where_samples_take_both(string scheme)
    {
        var (prepared, made) = Quantized(Branches(), scheme, Samples("1,-1,1,-1,1,-1", 1));
        Assert.Equal(Integer, FormOf(made, "wt"));
        Assert.DoesNotContain(FloatWeights(made), tensor => tensor.Elements() == Channels * Channels * 9);
        Assert.InRange(SignalToNoise(prepared, made, scheme, Samples("1,1", 2)), 27, 60);
        Assert.InRange(SignalToNoise(prepared, made, scheme, Samples("-1,-1", 2)), 27, 60);
        Assert.InRange(made.CalculateSize(), 1, 0.4 * prepared.Model.CalculateSize());
        // Without VNNI devices ask for this, which replaces signed weights; signed activations are for processors without it.
        if (scheme != "int8-static-s8s8")
            Assert.InRange(SignalToNoise(prepared, made, scheme, Samples("1,-1", 2), ("session.x64quantprecision", "1")), 27, 60);
    }

    [Theory]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-static-u8u8")]
    public void Runtime_computes_what_lies_in_branches_and_bodies_with_its_integer_kernels(string scheme)
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.X86Base.IsSupported, "The x64 form is fused on x64 processors.");
        Assert.Equal(3, OperatorsOf(Quantized(Branches(), scheme, Samples("1,-1", 1)).Made, scheme).Count(name => name == "QLinearConv"));
        Assert.Contains(OperatorsOf(Quantized(Looped(), scheme, Rows("0.3,-0.2")).Made, scheme), IsIntegerProduct);
        Assert.Contains(OperatorsOf(Quantized(Scanned(), scheme, Rows("0.3,-0.2")).Made, scheme), IsIntegerProduct);

        static bool IsIntegerProduct(string name) => name is "QLinearMatMul" or "MatMulIntegerToFloat" or "QGemm";
    }

    [Theory]
    [InlineData("Loop", "int8-static-u8s8")]
    [InlineData("Loop", "int8-static-s8s8")]
    [InlineData("Scan", "int8-static-u8s8")]
    [InlineData("Scan", "int8-static-u8u8")]
    public void Bodies_answer_as_the_float_model_does(string operation, string scheme)
    {
        var (prepared, made) = Quantized(operation == "Loop" ? Looped() : Scanned(), scheme, Rows("0.5,-0.5,0.2"));
        Assert.Equal(Integer, FormOf(made, "w"));
        Assert.InRange(SignalToNoise(prepared, made, scheme, Rows("0.4,-0.4")), 30, 60);
    }

    [Fact]
    public void Branch_that_calibration_never_takes_keeps_weights_alone_and_is_named()
    {
        var samples = Samples("1,1,1", 1);
        var (prepared, made) = Quantized(Branches(), "int8-static-u8s8", samples);
        Assert.Equal(Integer, FormOf(made, "wt"));
        Assert.Equal(AtRest, FormOf(made, "we"));
        // No range was made up for it: the rounding of weights is all that it loses.
        Assert.InRange(SignalToNoise(prepared, made, "int8-static-u8s8", Samples("-1,-1", 2)), 27, 60);
        var scheme = (StaticInt8Scheme)QuantizationSchemes.Int8U8S8;
        Assert.Equal("the else branch of If choose", Assert.Single(scheme.UnseenIn(SourceOf(prepared, scheme, samples))).Name);
        Assert.Empty(scheme.UnseenIn(SourceOf(prepared, scheme, Samples("1,-1", 1))));
    }

    [Fact]
    public void Form_for_TensorRT_has_integers_in_the_main_graph_alone()
    {
        var (prepared, made) = Quantized(Branches(), "int8-static-symmetric", Samples("1,-1,1,-1", 1));
        Assert.DoesNotContain(Scopes.Of(made.Graph).Skip(1).SelectMany(graph => graph.Node), node => node.OpType.EndsWith(
            "quantizeLinear", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(2, FloatWeights(made).Count());
        Assert.InRange(SignalToNoise(prepared, made, "int8-static-symmetric", Samples("1,-1", 2)), 27, 60);
    }

    [Fact]
    public void Operator_of_a_branch_can_stay_float_alone()
    {
        var prepared = Prepared(Branches());
        var scheme = QuantizationSchemes.Int8U8S8;
        Assert.Equal(["h", "c", "e"], scheme.OperatorsOf(prepared.Graph));
        var source = SourceOf(prepared, scheme, Samples("1,-1,1,-1", 1));
        var all = scheme.Apply(source, new HashSet<string>());
        var without = scheme.Apply(source, new HashSet<string> { "e" });
        Assert.Equal(2, FloatWeights(without).Count() - FloatWeights(all).Count() + 1);
        double Decibels(ModelProto made) => SignalToNoise(prepared, made, scheme.Name, Samples("-1", 2));
        Assert.True(Decibels(without) > Decibels(all));
    }

    [Fact]
    public void Weight_that_both_branches_read_is_stored_once()
    {
        var (prepared, made) = Quantized(Branches(shared: true), "int8-static-u8s8", Samples("1,-1,1,-1", 1));
        Assert.Single(Scopes.Of(made.Graph).SelectMany(graph => graph.Initializer),
            tensor => tensor.Is(DataType.Int8) && tensor.Elements() == Channels * Channels * 9);
        Assert.InRange(SignalToNoise(prepared, made, "int8-static-u8s8", Samples("1,-1", 2)), 27, 60);
        Assert.InRange(SignalToNoise(
            prepared, made, "int8-static-u8s8", Samples("1,-1", 2), ("session.x64quantprecision", "1")), 27, 60);
    }

    /// <summary>
    /// A convolution, then an If by the sign of the sample's first number: two convolutions in the branches, one with a Relu behind it that
    /// rounding replaces, both reading what the first one wrote.
    /// </summary>
    private static ModelProto Branches(bool shared = false)
    {
        var random = new Random(8);
        TensorProto Kernel(string name, int inputs) => Tensors.Of(name,
            [.. Enumerable.Range(0, Channels * inputs * 9).Select(_ => random.NextSingle() - 0.5f)], Channels, inputs, 3, 3);
        var (then, other) = (Kernel("wt", Channels), Kernel("we", Channels));
        if (shared) other = then.Clone();
        other.Name = "we";
        void Padded(NodeProto node) => node.With("pads", [1L, 1L, 1L, 1L]);
        return new GraphBuilder().Input("x", 1, 3, Side, Side).Constant(Kernel("w", 3)).Node("Conv", ["x", "w"], "h", Padded)
            .Constant(Tensors.Of("zero", [0f])).Constant(Tensors.Of("flat", [-1L], 1)).Constant(Tensors.Of("place", [0L]))
            .Node("Reshape", ["x", "flat"], "row").Node("Gather", ["row", "place"], "first").Node("Greater", ["first", "zero"], "above")
            .Node("If", ["above"], "y", node =>
            {
                node.Name = "choose";
                node.Attribute.Add(InnerGraph.Of("then_branch", new GraphBuilder().Constant(then)
                    .Node("Conv", ["h", "wt"], "c", Padded).Node("Relu", ["c"], "r"), ["r"]));
                node.Attribute.Add(InnerGraph.Of("else_branch", new GraphBuilder().Constant(other)
                    .Node("Conv", ["h", "we"], "e", Padded), ["e"]));
            })
            .Output("y", 1, Channels, Side, Side).Build();
    }

    /// <summary>A Loop that takes a row of numbers through a product and a Tanh some times.</summary>
    private static ModelProto Looped()
    {
        var body = new GraphBuilder().Weight("w", Channels, Channels).Node("Identity", ["go"], "goes")
            .Node("MatMul", ["c", "w"], "m").Node("Tanh", ["m"], "d");
        return new GraphBuilder().Input("x", 1, Channels).Constant(Tensors.Of("turns", [(long)Turns])).Constant(
                new TensorProto { Name = "yes", DataType = (int)DataType.Bool, RawData = ByteString.CopyFrom(1) })
            .Node("Loop", ["turns", "yes", "x"], "y", node => node.Attribute.Add(InnerGraph.Of("body", body, ["goes", "d"],
                [("i", DataType.Int64), ("go", DataType.Bool), ("c", DataType.Float)])))
            .Output("y", 1, Channels).Build();
    }

    /// <summary>The same as a Scan over rows that are added.</summary>
    private static ModelProto Scanned()
    {
        var body = new GraphBuilder().Weight("w", Channels, Channels).Node("Add", ["c", "row"], "a").Node("MatMul", ["a", "w"], "m")
            .Node("Tanh", ["m"], "d");
        return new GraphBuilder().Input("x", 1, Channels)
            .Constant(Tensors.Of("rows", [.. Enumerable.Range(0, Turns * Channels).Select(i => i % 5 * 0.1f)], Turns, 1, Channels))
            .Node("Scan", ["x", "rows"], "y", node => node.With("num_scan_inputs", 1).Attribute.Add(InnerGraph.Of("body", body, ["d"],
                [("c", DataType.Float), ("row", DataType.Float)])))
            .Output("y", 1, Channels).Build();
    }

    private PreparedModel Prepared(ModelProto model)
    {
        OnnxFile.Save(model, _folder.File("m.onnx"));
        return PreparedModel.From(_folder.File("m.onnx"), _folder.Path);
    }

    private (PreparedModel Prepared, ModelProto Made) Quantized(ModelProto model, string scheme, IFeedSource samples)
    {
        var prepared = Prepared(model);
        var named = QuantizationSchemes.Named(scheme);
        return (prepared, named.Apply(SourceOf(prepared, named, samples), new HashSet<string>()));
    }

    private static QuantizationSource SourceOf(PreparedModel prepared, IQuantizationScheme scheme, IFeedSource samples)
        => new(prepared, CalibrationRun.Count(prepared.Model, scheme.CalibratedValues(prepared.Graph), samples, 1,
            TestContext.Current.CancellationToken), Calibrators.Named("minmax"));

    private static double SignalToNoise(
        PreparedModel prepared, ModelProto made, string scheme, IFeedSource samples, params (string Key, string Value)[] entries)
    {
        var runtime = QuantizationSchemes.Named(scheme).Runtime(OnnxRuntimeSession.Plain);
        using var expected = OnnxRuntimeSession.Open(prepared.Model, "float");
        using var actual = OnnxRuntimeSession.Open(made, scheme, runtime with
        {
            SessionEntries = runtime.SessionEntries.Concat(entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value)))
                .DistinctBy(entry => entry.Key).ToDictionary(),
        });
        float[] Of(InferenceSession session) => AllOutputs.Of(session, samples, TestContext.Current.CancellationToken).Values;
        return Judgement.SignalToNoise(Of(actual), Of(expected));
    }

    /// <summary>What reads the bytes of the weight that was given that name.</summary>
    private static string FormOf(ModelProto made, string weight)
    {
        var original = weight switch { "wt" => "r", "we" => "e", _ => "m" };
        var graph = new OnnxGraph(made);
        var product = Scopes.NodesOf(made.Graph).Single(node => node.OpType is "Conv" or "MatMul" or "Gemm"
            && Behind(node.Output[0]).Append(node.Output[0]).Contains(original));
        return graph.ProducerOf(product.Input[1])!.OpType switch { "Mul" => AtRest, var other => other };

        IEnumerable<string> Behind(string value) => graph.ConsumersOf(value)
            .Where(node => node.OpType is "QuantizeLinear" or "DequantizeLinear")
            .SelectMany(node => Behind(node.Output[0]).Prepend(node.Output[0]));
    }

    private static IEnumerable<TensorProto> FloatWeights(ModelProto made)
        => Scopes.Of(made.Graph).SelectMany(graph => graph.Initializer).Where(tensor => tensor.Is(DataType.Float) && tensor.Dims.Count > 1);

    /// <summary>The operators that the runtime makes of a file, those inside others included.</summary>
    private IEnumerable<string> OperatorsOf(ModelProto made, string scheme)
    {
        OnnxFile.Save(made, _folder.File("q.onnx"));
        OnnxRuntimeSession.SaveOptimized(_folder.File("q.onnx"), _folder.File("o.onnx"), GraphOptimizationLevel.ORT_ENABLE_ALL,
            QuantizationSchemes.Named(scheme).Runtime(OnnxRuntimeSession.Plain));
        return [.. Scopes.NodesOf(OnnxFile.Load(_folder.File("o.onnx")).Graph).Select(node => node.OpType)];
    }

    /// <summary>Pictures that are alike but for their first number, which is one of those given.</summary>
    private static SampleFeeds Samples(string signs, int seed)
    {
        var random = new Random(seed);
        return new("x", [
            .. signs.Split(',').Select(Number).SelectMany(sign
                => Enumerable.Range(0, 3 * Side * Side).Select(place => place == 0 ? sign : random.NextSingle() * 2 - 1)),
        ], [3, Side, Side]);
    }

    private static SampleFeeds Rows(string centres) => new("x", [
        .. centres.Split(',').Select(Number).SelectMany(centre => Enumerable.Range(0, Channels).Select(i => centre + (i - 8) * 0.1f)),
    ], [Channels]);

    private static float Number(string text) => float.Parse(text, CultureInfo.InvariantCulture);
}
