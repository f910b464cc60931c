using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Google.Protobuf;

namespace Fleet.Quantization.Tests.Techniques;

/// <summary>Weights that are rounded together, on inputs that are alike.</summary>
public sealed class CompensatedRoundingTests
{
    private static readonly IQuantizationScheme Scheme = QuantizationSchemes.Int8U8S8;
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    [Theory]
    [InlineData("dense")]
    [InlineData("depthwise")]
    [InlineData("groups")]
    [InlineData("sound")]
    public void Window_reads_what_the_runtime_multiplies(string kind)
    {
        var model = kind switch
        {
            "dense" => new GraphBuilder().Input("x", -1, 3, 9, 7).Weight("w", 4, 3, 3, 2).Node("Conv", ["x", "w"], "y",
                node => node.With("strides", [2, 1]).With("dilations", [1, 2]).With("pads", [1, 0, 2, 3])),
            "depthwise" => new GraphBuilder().Input("x", -1, 4, 6, 6).Weight("w", 4, 1, 3, 3).Node("Conv", ["x", "w"], "y",
                node => node.With("group", 4).With("pads", [1, 1, 1, 1])),
            "groups" => new GraphBuilder().Input("x", -1, 6, 5, 5).Weight("w", 4, 3, 3, 3).Node("Conv", ["x", "w"], "y",
                node => node.With("group", 2)),
            _ => new GraphBuilder().Input("x", -1, 2, 20).Weight("w", 3, 2, 5).Node("Conv", ["x", "w"], "y",
                node => node.With("strides", [3]).With("pads", [0, 4])),
        };
        var built = model.Output("y").Build();
        var graph = new OnnxGraph(built);
        var layer = WeightedOperator.At(graph.Graph.Node[0], graph)!;
        var window = ConvolutionWindow.Of(layer)!;
        var samples = TinyModels.SamplesFor(built, 1, seed: 5);
        long[] extents = [1, .. samples.SampleShape.Select(extent => (long)extent)];
        using var session = OnnxRuntimeSession.Open(built.ToByteArray(), kind);
        using var feed = samples.Feeds("x").Batches(1).Single();
        using var options = new Microsoft.ML.OnnxRuntime.RunOptions();
        using var results = feed.Run(session, options, ["y"]);
        var expected = results[0].GetTensorDataAsSpan<float>();
        var (weights, places) = (layer.Values(), window.Places(extents));
        Assert.Equal(expected.Length, layer.Channels * places);
        var (patch, kernel) = (new float[window.Values], window.Values / window.Channels);
        var offsets = new int[kernel];
        for (var i = 0; i < expected.Length; i++)
        {
            var channel = i / places;
            window.Locate(extents, i % places, offsets);
            window.Read(samples.Inputs, offsets, channel / (layer.Channels / window.Groups), patch);
            var sum = patch.Select((value, at)
                => value * weights[(channel * window.Channels + at % window.Channels) * kernel + at / window.Channels]).Sum();
            Assert.Equal(expected[i], sum, 1e-4);
        }
    }

    [Theory]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-static-symmetric")]
    public void Errors_cancel_on_samples_that_it_has_not_seen_in_as_many_bytes(string name)
    {
        var scheme = QuantizationSchemes.Named(name);
        using var prepared = new Prepared(Smooth());
        var changed = KnownTechniques.CompensatedRounding.Apply(prepared.Source, scheme, None, TestContext.Current.CancellationToken);
        var corrected = KnownTechniques.BiasCorrection.Apply(changed, scheme, None, TestContext.Current.CancellationToken);
        var compensated = scheme.Apply(corrected, None);
        var biased = scheme.Apply(
            KnownTechniques.BiasCorrection.Apply(prepared.Source, scheme, None, TestContext.Current.CancellationToken), None);
        Assert.InRange(prepared.SignalToNoise(compensated) - prepared.SignalToNoise(biased), 0.2, 30);
        // By the weights alone, activations being float.
        Assert.InRange(
            prepared.SignalToNoise(changed.Model.Model) - prepared.SignalToNoise(RoundedToNearest(prepared.Source.Model, changed)), 3, 30);
        Assert.Equal(biased.CalculateSize(), compensated.CalculateSize());
        // The means that a bias is corrected to are those of the weights that nothing rounded.
        Assert.InRange(prepared.Shift(compensated, "y"), 0, prepared.Shift(scheme.Apply(changed, None), "y"));
    }

    /// <summary>Wide products are rounded in blocks, Gemm's turned weight and its factor included.</summary>
    [Theory]
    [InlineData("int8-dynamic")]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-static-symmetric")]
    public void Errors_of_products_cancel_on_samples_that_they_have_not_seen_in_as_many_bytes(string name)
    {
        var scheme = QuantizationSchemes.Named(name);
        using var prepared = new Prepared(Products());
        var changed = KnownTechniques.CompensatedRounding.Apply(prepared.Source, scheme, None, TestContext.Current.CancellationToken);
        Assert.Equal(["p0", "p1", "p2", "y"], changed.WeightScales.Keys.Order());
        var (compensated, plain) = (scheme.Apply(changed, None), scheme.Apply(prepared.Source, None));
        Assert.InRange(prepared.SignalToNoise(compensated) - prepared.SignalToNoise(plain), 0.5, 30);
        // By the weights alone, activations being float.
        Assert.InRange(
            prepared.SignalToNoise(changed.Model.Model) - prepared.SignalToNoise(RoundedToNearest(prepared.Source.Model, changed)), 3, 30);
        Assert.Equal(plain.CalculateSize(), compensated.CalculateSize());
        Assert.Equal(NeededSettings.Of(plain, scheme.Needs).Entries, NeededSettings.Of(compensated, scheme.Needs).Entries);
    }

    [Fact]
    public void Product_whose_weight_is_a_table_too_is_left_alone()
    {
        using var prepared = new Prepared(new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 64).Weight("table", 128, 64)
            .Node("ArgMax", ["x"], "word", node => node.With("axis", 1).With("keepdims", 0))
            .Node("Gather", ["table", "word"], "row").Node("MatMul", ["x", "w"], "p").Node("Tanh", ["p"], "t")
            .Node("Add", ["t", "row"], "s").Node("Gemm", ["s", "table"], "y", node => node.With("transB", 1)).Output("y", -1, 128).Build());
        var changed = KnownTechniques.CompensatedRounding.Apply(
            prepared.Source, QuantizationSchemes.Int8Dynamic, None, TestContext.Current.CancellationToken);
        Assert.Equal(["p"], changed.WeightScales.Keys);
    }

    /// <summary>A pressure, a temperature in kelvin: what is far from zero and hardly moves.</summary>
    [Theory]
    [InlineData(50)]
    [InlineData(500)]
    public void Inputs_of_a_large_mean_are_weighed_by_what_they_do_around_it(float mean)
    {
        using var prepared = new Prepared(new GraphBuilder().Input("x", -1, 6, 16, 16).Weight("w", 8, 6, 3, 3)
            .Constant(Tensors.Of("mean", [mean]))
            .Node("AveragePool", ["x"], "s", node => node.With("kernel_shape", [5, 5])).Node("Add", ["s", "mean"], "a")
            .Node("Conv", ["a", "w"], "y").Output("y", -1, 8, 10, 10).Build());
        var changed = KnownTechniques.CompensatedRounding.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        Assert.Equal(["y"], changed.WeightScales.Keys);
        Assert.InRange(
            prepared.SignalToNoise(changed.Model.Model) - prepared.SignalToNoise(RoundedToNearest(prepared.Source.Model, changed)), 3, 200);
    }

    [Fact]
    public void A_large_kernel_of_many_channels_is_left_alone_for_what_it_would_take()
    {
        using var prepared = new Prepared(new GraphBuilder().Input("x", -1, 16, 33, 33).Weight("w", 16, 1, 31, 31)
            .Node("Conv", ["x", "w"], "y", node => node.With("group", 16)).Output("y", -1, 16, 3, 3).Build());
        Assert.Same(prepared.Source,
            KnownTechniques.CompensatedRounding.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void No_pair_of_products_saturates_that_did_not_before()
    {
        using var prepared = new Prepared(Smooth(loud: true));
        var changed = KnownTechniques.CompensatedRounding.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken);
        Assert.NotSame(prepared.Source.Model, changed.Model);
        Assert.Empty(NeededSettings.Of(Scheme.Apply(changed, None), Scheme.Needs).Entries);
    }

    [Fact]
    public void What_is_written_are_the_weights_that_were_rounded_and_what_stays_float_keeps_its_own()
    {
        using var prepared = new Prepared(Smooth());
        var kept = new HashSet<string> { "c2" };
        var changed = KnownTechniques.CompensatedRounding.Apply(prepared.Source, Scheme, kept, TestContext.Current.CancellationToken);
        float[] Weight(PreparedModel model, string name) => model.Graph.Constant(name)!.ToSingles();
        Assert.Equal(Weight(prepared.Source.Model, "w2"), Weight(changed.Model, "w2"));
        Assert.NotEqual(Weight(prepared.Source.Model, "w1"), Weight(changed.Model, "w1"));
        Assert.Equal(["c1", "y"], changed.WeightScales.Keys.Order());
        var written = Scheme.Apply(changed, kept);
        foreach (var (output, scales) in changed.WeightScales)
        {
            var weights = Weight(changed.Model, changed.Model.Graph.ProducerOf(output)!.Input[1]);
            var integers = written.Graph.Initializer.Where(tensor => tensor.Dims.Count == 4)
                .Select(tensor => tensor.RawData.Span.ToArray().Select(value => (sbyte)value).ToArray());
            Assert.Contains(integers, values => values.Length == weights.Length && values.Select((value, i)
                => Math.Abs(value * scales[i * scales.Length / weights.Length] - weights[i])).All(off => off < 1e-6));
        }
    }

    [Fact]
    public void A_weight_that_two_layers_read_is_left_alone()
    {
        var model = new GraphBuilder().Input("x", -1, 4, 8, 8).Weight("w", 4, 4, 3, 3)
            .Node("Conv", ["x", "w"], "c1").Node("Relu", ["c1"], "r1").Node("Conv", ["r1", "w"], "y").Output("y", -1, 4, 4, 4).Build();
        using var prepared = new Prepared(model);
        Assert.Same(prepared.Source,
            KnownTechniques.CompensatedRounding.Apply(prepared.Source, Scheme, None, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Integers_keep_to_their_range_and_pairs_to_theirs(bool pairs)
    {
        const int inputs = 10, columns = 3;
        var random = new Random(3);
        var moments = new float[inputs * inputs];
        for (var sample = 0; sample < 50; sample++)
        {
            float[] values = [.. Enumerable.Range(0, inputs).Select(_ => random.NextSingle())];
            for (var i = 0; i < moments.Length; i++) moments[i] += values[i / inputs] * values[i % inputs];
        }
        // Weights beyond what their scales reach.
        float[] weights = [.. Enumerable.Range(0, inputs * columns).Select(_ => random.NextSingle() * 200)];
        var integers = new Gptq(moments, inputs).Round(weights, [1f, 1f, 1f], pairs ? 128 : null);
        Assert.All(integers, value => Assert.InRange(value, -127, 127));
        int At(int row, int column) => integers[row * columns + column];
        Assert.Equal(pairs, Enumerable.Range(0, inputs / 2 * columns).All(i
            => Math.Abs(At(i / columns * 2, i % columns) + At(i / columns * 2 + 1, i % columns)) <= 128));
    }

    /// <summary>The float model with its weights on the same grid, each rounded by itself.</summary>
    private static ModelProto RoundedToNearest(PreparedModel model, QuantizationSource rounded)
    {
        var nearest = model.Model.Clone();
        foreach (var (output, scales) in rounded.WeightScales)
        {
            var weight = nearest.Graph.Initializer.Single(one => one.Name == model.Graph.ProducerOf(output)!.Input[1]);
            var values = weight.ToSingles();
            var product = WeightedOperator.At(model.Graph.ProducerOf(output)!, model.Graph)!;
            for (var i = 0; i < values.Length; i++)
            {
                var scale = scales[product.Axis > 0 ? i % scales.Length : i * scales.Length / values.Length] / product.WeightFactor;
                values[i] = MathF.Round(values[i] / scale) * scale;
            }
            weight.RawData = Tensors.Of("", values).RawData;
        }
        return nearest;
    }

    /// <summary>Products of which each reads what follows from twelve numbers.</summary>
    private static ModelProto Products()
        => new GraphBuilder().Input("x", -1, 12).Weight("w0", 12, 320).Weight("w1", 320, 320).Weight("w2", 48, 320).Weight("b2", 48)
            .Weight("w3", 48, 12)
            .Node("MatMul", ["x", "w0"], "p0").Node("Sigmoid", ["p0"], "s0").Node("MatMul", ["s0", "w1"], "p1")
            .Node("Gemm", ["p1", "w2", "b2"], "p2", node => node.With("transB", 1).With("alpha", 0.5f))
            .Node("MatMul", ["p2", "w3"], "y").Output("y", -1, 12).Build();

    /// <summary>Convolutions, a depthwise one among them, that read what is smooth.</summary>
    private static ModelProto Smooth(bool loud = false)
    {
        var model = new GraphBuilder().Input("x", -1, 6, 16, 16).Weight("w1", 8, 6, 3, 3).Weight("b1", 8).Weight("w2", 8, 1, 3, 3)
            .Weight("w3", 4, 8, 3, 3)
            .Node("AveragePool", ["x"], "s", node => node.With("kernel_shape", [5, 5]))
            .Node("Conv", ["s", "w1", "b1"], "c1").Node("Relu", ["c1"], "r1")
            .Node("Conv", ["r1", "w2"], "c2", node => node.With("group", 8)).Node("Relu", ["c2"], "r2")
            .Node("Conv", ["r2", "w3"], "y").Output("y", -1, 4, 6, 6).Build();
        foreach (var weight in model.Graph.Initializer.Where(tensor => tensor.Dims.Count == 4))
        {
            var values = weight.ToSingles();
            // One large weight in each channel sets a coarse scale for the others.
            for (var i = 0; i < values.Length; i++)
                values[i] = loud ? Math.Abs(values[i]) : i % (values.Length / (int)weight.Dims[0]) == 0 ? 8 * values[i] : values[i];
            weight.RawData = Tensors.Of("", values).RawData;
        }
        return model;
    }
}
