using Fleet.Contracts.Builds;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Techniques;

/// <summary>Each technique on a model made to need it.</summary>
public sealed class StepsTests
{
    private static readonly IQuantizationScheme Scheme = QuantizationSchemes.Int8U8S8;
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    [Theory]
    [InlineData("depthwise")]
    [InlineData("gemm")]
    [InlineData("pooled")]
    public void Equalization_leaves_the_float_output_as_it_was_and_cleans_the_quantized_one(string kind)
    {
        using var prepared = new Prepared(Uneven(kind));
        var equalized = KnownTechniques.Equalization.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        Assert.NotSame(prepared.Source.Model, equalized.Model);
        Assert.InRange(prepared.SignalToNoise(equalized.Model.Model), 100, double.PositiveInfinity);
        Assert.InRange(prepared.SignalToNoise(Scheme.Apply(equalized, None)) - prepared.SignalToNoise(Scheme.Apply(prepared.Source, None)),
            6, 60);
    }

    [Fact]
    public void Equalization_gives_every_channel_the_full_range_where_the_next_layer_is_depthwise()
    {
        using var prepared = new Prepared(Uneven("depthwise", most: 20));
        var equalized = KnownTechniques.Equalization.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        float[] Extremes(PreparedModel model)
            => ChannelMoments.Run(model.Model, new Dictionary<string, int> { ["r1"] = 1 }, prepared.Source.Samples!, 8,
                TestContext.Current.CancellationToken)["r1"].Extremes;
        float[] before = Extremes(prepared.Source.Model), after = Extremes(equalized.Model);
        Assert.InRange(before.Max() / before.Min(), 10, 64);
        Assert.All(after, extreme => Assert.Equal(before.Max(), extreme, before.Max() * 1e-4));
    }

    [Fact]
    public void Equalization_is_found_once_for_all_schemes_and_calibrators()
    {
        using var prepared = new Prepared(Uneven("depthwise"));
        var other = prepared.Source with { Calibrator = Calibrators.Named("entropy") };
        var first = KnownTechniques.Equalization.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        var second = KnownTechniques.Equalization.Apply(
            other, QuantizationSchemes.Named("int8-static-symmetric"), None, TestContext.Current.CancellationToken);
        Assert.Same(first.Model, second.Model);
        Assert.Same(first.Histograms, second.Histograms);
        Assert.Equal((prepared.Source.Calibrator, other.Calibrator), (first.Calibrator, second.Calibrator));
    }

    [Theory]
    [InlineData("Clip")]
    [InlineData("Sigmoid")]
    public void Layers_with_anything_else_between_them_are_not_equalized(string between)
    {
        using var prepared = new Prepared(new GraphBuilder().Input("x", -1, 3, 8, 8).Weight("w1", 8, 3, 3, 3).Weight("w2", 4, 8, 1, 1)
            .Constant(Tensors.Of("low", [0f])).Constant(Tensors.Of("high", [0.5f]))
            .Node("Conv", ["x", "w1"], "c1").Node(between, between == "Clip" ? ["c1", "low", "high"] : ["c1"], "r1")
            .Node("Conv", ["r1", "w2"], "y").Output("y", -1, 4, 6, 6).Build());
        Assert.Same(prepared.Source,
            KnownTechniques.Equalization.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Layer_whose_output_someone_else_reads_is_not_equalized()
    {
        using var prepared = new Prepared(TinyModels.Residual());
        var equalized = KnownTechniques.Equalization.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        float[] Weight(PreparedModel model, string name) => model.Graph.Constant(name)!.ToSingles();
        // The third layer reads a sum: its scale cannot move into either of the two before it.
        Assert.Equal(Weight(prepared.Source.Model, "w3"), Weight(equalized.Model, "w3"));
        Assert.NotEqual(Weight(prepared.Source.Model, "w1"), Weight(equalized.Model, "w1"));
    }

    [Fact]
    public void Bias_correction_takes_off_what_rounding_shifts()
    {
        using var prepared = new Prepared(Biased());
        var plain = Scheme.Apply(prepared.Source, None);
        var corrected = Scheme.Apply(
            KnownTechniques.BiasCorrection.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken), None);
        Assert.InRange(prepared.Shift(corrected, "y"), 0, prepared.Shift(plain, "y") / 3);
        Assert.InRange(prepared.SignalToNoise(corrected) - prepared.SignalToNoise(plain), 1, 60);
    }

    /// <summary>
    /// Sixty layers, each corrected with those before it as they have become: what is taken off does not add up to new errors.
    /// </summary>
    [Fact]
    public void Bias_correction_goes_layer_by_layer_through_deep_networks_and_gives_biases_to_those_without()
    {
        var (builder, value) = (new GraphBuilder().Input("x", -1, 8, 8, 8), "x");
        for (var i = 0; i < 60; i++)
            builder = builder.Weight($"w{i}", 8, 8, 1, 1).Node("Conv", [value, $"w{i}"], $"c{i}").Node("Relu", [$"c{i}"], value = $"r{i}");
        using var prepared = new Prepared(RoundingOneWay(builder.Output(value, -1, 8, 8, 8).Build()));
        var corrected = KnownTechniques.BiasCorrection.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        Assert.All(corrected.Model.Graph.Graph.Node.Where(node => node.OpType == "Conv"), node => Assert.Equal(3, node.Input.Count));
        Assert.InRange(prepared.Shift(Scheme.Apply(corrected, None), value), 0,
            prepared.Shift(Scheme.Apply(prepared.Source, None), value) / 50);
    }

    /// <summary>What a layer shifts itself is found of all layers in one run, whichever of them are float in the end.</summary>
    [Theory]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-static-symmetric")]
    public void Rough_bias_correction_takes_off_what_each_layer_shifts_itself_whatever_the_others_do(string name)
    {
        var scheme = QuantizationSchemes.Named(name);
        using var prepared = new Prepared(Biased());
        QuantizationSource Roughly(IReadOnlySet<string> kept)
            => KnownTechniques.BiasCorrection.ApplyRoughly(prepared.Source, scheme, kept, TestContext.Current.CancellationToken);
        Assert.InRange(prepared.Shift(scheme.Apply(Roughly(None), None), "y"), 0,
            prepared.Shift(scheme.Apply(prepared.Source, None), "y") / 3);
        var kept = new HashSet<string> { scheme.OperatorsOf(prepared.Source.Model.Graph)[0] };
        float[] Bias(QuantizationSource source, string bias) => source.Model.Graph.Constant(bias)!.ToSingles();
        Assert.Equal(Bias(prepared.Source, "b1"), Bias(Roughly(kept), "b1"));
        Assert.Equal(Bias(Roughly(None), "b2"), Bias(Roughly(kept), "b2"));
        Assert.NotEqual(Bias(prepared.Source, "b2"), Bias(Roughly(kept), "b2"));
    }

    [Fact]
    public void Rough_bias_correction_of_a_Gemm_with_factors_is_what_the_exact_one_is_for_one_layer()
    {
        var model = new GraphBuilder().Input("x", -1, 16).Weight("w", 16, 5).Weight("b", 5).Node("Sigmoid", ["x"], "s")
            .Node("Gemm", ["s", "w", "b"], "y", node => node.With("beta", 0.5f).With("alpha", 2f)).Output("y", -1, 5).Build();
        using var prepared = new Prepared(model);
        float[] Moved(QuantizationSource source) => source.Model.Graph.Constant("b")!.ToSingles();
        var (correction, token) = (KnownTechniques.BiasCorrection, TestContext.Current.CancellationToken);
        var exact = Moved(correction.Apply(prepared.Source, Scheme, None, token));
        var rough = Moved(correction.ApplyRoughly(prepared.Source, Scheme, None, token));
        Assert.NotEqual(Moved(prepared.Source), exact);
        Assert.All(exact.Zip(rough), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Technique_that_wins_nothing_by_itself_is_tried_beside_those_after_it(bool triesTogether)
    {
        var model = Biased();
        Scale(model, "w1", channel => Math.Pow(1.5, -channel / 8.0), along: 0);
        Scale(model, "b1", channel => Math.Pow(1.5, -channel / 8.0), along: 0);
        Scale(model, "w2", channel => Math.Pow(1.5, channel / 8.0), along: 1);
        using var prepared = new Prepared(model);
        var control = new AccuracyControl(Scheme, prepared.Source,
            session => ModelOutputs.Of(session, prepared.Source.Samples!, TestContext.Current.CancellationToken).Values)
        {
            TriesTogether = triesTogether,
            OtherCalibrators = [],
        };
        var controlled = control.Quantize(0, 0, quantized => Judged.By(new Closeness(prepared.SignalToNoise(quantized), 1, 1)),
            TestContext.Current.CancellationToken);
        Assert.Contains(KnownTechniques.CompensatedRounding, controlled.Techniques);
        Assert.Equal(triesTogether, controlled.Techniques.Contains(KnownTechniques.Equalization));
    }

    [Fact]
    public void Technique_that_makes_a_file_beyond_its_bytes_is_not_used()
    {
        using var prepared = new Prepared(SmallEncoder);
        ControlledModel Made(long? most) => new AccuracyControl(Scheme, prepared.Source,
            session => ModelOutputs.Of(session, prepared.Source.Samples!, TestContext.Current.CancellationToken).Values)
        {
            MostBytes = most,
            OtherCalibrators = [],
        }.Quantize(double.PositiveInfinity, double.PositiveInfinity,
            quantized => Judged.By(new Closeness(prepared.SignalToNoise(quantized), 1, 1)), TestContext.Current.CancellationToken);
        var plain = Scheme.Apply(prepared.Source, None).CalculateSize();
        Assert.True(Made(null).Model.CalculateSize() > plain, "no technique adds bytes");
        var within = Made(plain);
        Assert.InRange(within.Model.CalculateSize(), 1, plain);
        Assert.NotEmpty(within.Techniques);
    }

    [Fact]
    public void Bias_correction_reaches_layers_that_a_list_passes_by()
    {
        var model = Biased();
        model.Graph.Initializer.Add(Tensors.Of("first", [0L]));
        model.Graph.Node.Insert(1, Nodes.Node("SequenceConstruct", ["s", "s"], ["list"]));
        model.Graph.Node[^1].Output[0] = "c2";
        model.Graph.Node.Add(Nodes.Node("SequenceAt", ["list", "first"], ["back"]));
        model.Graph.Node.Add(Nodes.Node("ReduceMean", ["back"], ["level"]));
        model.Graph.Node.Add(Nodes.Node("Add", ["c2", "level"], ["y"]));
        using var prepared = new Prepared(model);
        var corrected = Scheme.Apply(
            KnownTechniques.BiasCorrection.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken), None);
        Assert.InRange(prepared.Shift(corrected, "y"), 0, prepared.Shift(Scheme.Apply(prepared.Source, None), "y") / 3);
    }

    [Fact]
    public void Bias_correction_leaves_operators_that_stay_float_alone()
    {
        using var prepared = new Prepared(Biased());
        var kept = new HashSet<string> { Scheme.OperatorsOf(prepared.Source.Model.Graph)[0] };
        var corrected = KnownTechniques.BiasCorrection.Apply(prepared.Source, Scheme, kept, TestContext.Current.CancellationToken);
        Assert.Equal(prepared.Source.Model.Graph.Constant("b1")!.ToSingles(), corrected.Model.Graph.Constant("b1")!.ToSingles());
        Assert.NotEqual(prepared.Source.Model.Graph.Constant("b2")!.ToSingles(), corrected.Model.Graph.Constant("b2")!.ToSingles());
        Assert.Same(prepared.Source,
            KnownTechniques.BiasCorrection.Apply(prepared.Source, Scheme, Scheme.OperatorsOf(prepared.Source.Model.Graph).ToHashSet(),
                TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("int8-static-u8s8", 2)]
    [InlineData("int8-dynamic", 3)]
    public void Smoothing_leaves_the_float_output_as_it_was_and_cleans_the_quantized_one(string name, double decibels)
    {
        var scheme = QuantizationSchemes.Named(name);
        using var prepared = new Prepared(SmallEncoder);
        var smoothed = KnownTechniques.Smoothing.Apply(prepared.Source, scheme, None, TestContext.Current.CancellationToken);
        Assert.InRange(prepared.SignalToNoise(smoothed.Model.Model), 90, double.PositiveInfinity);
        // Both normalizations took their products' share; what else there is may have got a Mul.
        Assert.All(smoothed.Model.Graph.Graph.Node.Where(node => node.OpType == "LayerNormalization" && node.Name.Length > 0).Take(2),
            node => Assert.EndsWith("_smooth1", node.Input[1], StringComparison.Ordinal));
        Assert.InRange(prepared.SignalToNoise(scheme.Apply(smoothed, None)) - prepared.SignalToNoise(scheme.Apply(prepared.Source, None)),
            decibels, 60);
    }

    [Fact]
    public void Smoothing_takes_a_Mul_where_others_read_the_value_too_and_a_channel_stands_out()
    {
        var model = new GraphBuilder().Input("x", -1, 4, 16)
            .Constant(Tensors.Of("gain", [.. Enumerable.Range(0, 16).Select(channel => channel == 3 ? 40f : 1f)], 16)).Weight("w", 16, 16)
            .Node("Mul", ["x", "gain"], "loud").Node("MatMul", ["loud", "w"], "m").Node("Sigmoid", ["m"], "s")
            .Node("Add", ["s", "loud"], "y").Output("y", -1, 4, 16).Build();
        using var prepared = new Prepared(model);
        var smoothed = KnownTechniques.Smoothing.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        Assert.Equal(2, smoothed.Model.Graph.Graph.Node.Count(node => node.OpType == "Mul"));
        Assert.InRange(prepared.SignalToNoise(smoothed.Model.Model), 90, double.PositiveInfinity);
    }

    [Fact]
    public void Smoothing_more_of_what_is_smooth_takes_no_further_operator_and_leaves_what_it_alone_would()
    {
        var model = new GraphBuilder().Input("x", -1, 4, 16)
            .Constant(Tensors.Of("loud", [.. Enumerable.Range(0, 16).Select(channel => channel == 3 ? 40f : 1f)], 1, 1, 16))
            .Weight("w", 16, 16).Node("Add", ["x", "loud"], "a").Node("MatMul", ["a", "w"], "y").Output("y", -1, 4, 16).Build();
        using var prepared = new Prepared(model);
        QuantizationSource After(params ITechnique[] techniques) => techniques.Aggregate(prepared.Source,
            (source, technique) => technique.Apply(source, Scheme, None, TestContext.Current.CancellationToken));
        float[] WeightOf(QuantizationSource source) => source.Model.Graph.Constant(
            source.Model.Graph.Graph.Node.Single(node => node.OpType == "MatMul").Input[1])!.ToSingles();
        var both = After(KnownTechniques.Smoothing, KnownTechniques.StrongerSmoothing);
        var stronger = After(KnownTechniques.StrongerSmoothing);
        Assert.Single(both.Model.Graph.Graph.Node, node => node.OpType == "Mul");
        Assert.InRange(prepared.SignalToNoise(both.Model.Model), 90, double.PositiveInfinity);
        // But for one factor of all channels.
        double SpreadOf(QuantizationSource source)
        {
            float[] ratios = [.. WeightOf(source).Zip(WeightOf(stronger), (one, other) => one / other)];
            return ratios.Max() / ratios.Min();
        }
        Assert.InRange(SpreadOf(both), 1, 1.001);
        Assert.InRange(SpreadOf(After(KnownTechniques.Smoothing)), 1.5, double.MaxValue);
    }

    [Fact]
    public void Smoothing_leaves_the_shape_that_a_Reshape_takes_alone()
    {
        // The shape is computed from the input, as exporters write it for extents that are free.
        var model = new GraphBuilder().Input("x", -1, 4, 16).Weight("w", 16, 16).Node("Shape", ["x"], "shape")
            .Node("Identity", ["shape"], "extents")
            .Node("Tanh", ["x"], "t").Node("Reshape", ["t", "extents"], "r").Node("MatMul", ["r", "w"], "y").Output("y", -1, 4, 16).Build();
        using var prepared = new Prepared(model);
        var smoothed = KnownTechniques.Smoothing.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        Assert.InRange(prepared.SignalToNoise(smoothed.Model.Model), 90, double.PositiveInfinity);
    }

    [Fact]
    public void Every_technique_that_a_scheme_may_name_is_known()
        => Assert.Equal(Enum.GetValues<Technique>().Length,
            Enum.GetValues<Technique>().Select(technique => KnownTechniques.Of(technique).Name).Distinct().Count());

    private static ModelProto SmallEncoder => new EncoderModel(Layers: 2, Width: 128, Inner: 256, Heads: 4, Length: 32).Build();

    /// <summary>Layers between which the channels differ by up to <paramref name="most"/> times.</summary>
    private static ModelProto Uneven(string kind, double most = 1000)
    {
        var model = kind switch
        {
            "depthwise" => new GraphBuilder().Input("x", -1, 3, 8, 8).Weight("w1", 8, 3, 3, 3).Weight("b1", 8).Weight("w2", 8, 1, 3, 3)
                .Weight("b2", 8).Weight("w3", 4, 8, 1, 1)
                .Node("Conv", ["x", "w1", "b1"], "c1").Node("Relu", ["c1"], "r1")
                .Node("Conv", ["r1", "w2", "b2"], "c2", node => node.With("group", 8)).Node("Relu", ["c2"], "r2")
                .Node("Conv", ["r2", "w3"], "y")
                .Output("y", -1, 4, 4, 4).Build(),
            "gemm" => new GraphBuilder().Input("x", -1, 16).Weight("w1", 32, 16).Weight("b1", 32).Weight("w2", 32, 5).Weight("b2", 5)
                .Node("Gemm", ["x", "w1", "b1"], "g1", node => node.With("transB", 1)).Node("Relu", ["g1"], "r1")
                .Node("Gemm", ["r1", "w2", "b2"], "y").Output("y", -1, 5).Build(),
            _ => new GraphBuilder().Input("x", -1, 3, 8, 8).Weight("w1", 8, 3, 3, 3).Weight("b1", 8).Weight("w2", 4, 8, 1, 1)
                .Node("Conv", ["x", "w1", "b1"], "c1").Node("MaxPool", ["c1"], "p", node => node.With("kernel_shape", [2, 2]))
                .Node("Conv", ["p", "w2"], "y").Output("y", -1, 4, 5, 5).Build(),
        };
        var channels = kind == "gemm" ? 32 : 8;
        Scale(model, "w1", channel => Math.Pow(most, -(double)channel / channels), along: 0);
        Scale(model, "b1", channel => Math.Pow(most, -(double)channel / channels), along: 0);
        if (kind == "depthwise") Scale(model, "w2", channel => Math.Pow(most, (double)channel / channels), along: 0);
        else Scale(model, "w2", channel => Math.Pow(most, (double)channel / channels), along: kind == "gemm" ? 0 : 1);
        return model;
    }

    /// <summary>Inputs that are all positive and weights that round one way: the errors of a sum add up instead of cancelling.</summary>
    private static ModelProto Biased()
    {
        var model = new GraphBuilder().Input("x", -1, 8, 8, 8).Weight("w1", 8, 8, 3, 3).Weight("b1", 8)
            .Weight("w2", 4, 8, 3, 3).Weight("b2", 4)
            .Node("Sigmoid", ["x"], "s").Node("Conv", ["s", "w1", "b1"], "c1").Node("Relu", ["c1"], "r1")
            .Node("Conv", ["r1", "w2", "b2"], "y").Output("y", -1, 4, 4, 4).Build();
        return RoundingOneWay(model);
    }

    private static ModelProto RoundingOneWay(ModelProto model)
    {
        foreach (var weight in model.Graph.Initializer.Where(tensor => tensor.Dims.Count == 4))
        {
            var values = weight.ToSingles();
            var row = values.Length / (int)weight.Dims[0];
            // One large weight in each row sets a coarse scale; the others lie a little below the middle of two steps.
            for (var i = 0; i < values.Length; i++) values[i] = i % row == 0 ? 1.27f : 0.01f * (float)Math.Round(values[i] * 20) + 0.0045f;
            weight.RawData = Tensors.Of("", values).RawData;
        }
        return model;
    }

    private static void Scale(ModelProto model, string name, Func<int, double> factor, int along)
    {
        var tensor = model.Graph.Initializer.Single(tensor => tensor.Name == name);
        var values = tensor.ToSingles();
        var inner = (int)tensor.Dims.Skip(along + 1).Aggregate(1L, (product, extent) => product * extent);
        for (var i = 0; i < values.Length; i++) values[i] = (float)(values[i] * factor(i / inner % (int)tensor.Dims[along]));
        tensor.RawData = Tensors.Of("", values).RawData;
    }
}
