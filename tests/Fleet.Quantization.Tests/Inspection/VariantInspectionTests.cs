using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Report;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Inspection;

/// <summary>What a layer's rounding costs alone and together with others, in models whose errors are known.</summary>
public sealed class VariantInspectionTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Error_is_of_the_layer_that_makes_it_and_stays_in_those_behind()
    {
        // Weights 1.25 and 2: rounded to a step of 1 the first is off by a fifth, the second by nothing.
        var report = Inspect(
            Chain().Constant(Tensors.Of("w1", [1.25f], 1, 1)).Constant(Tensors.Of("w2", [2f], 1, 1))
                .Node("MatMul", ["x", "w1"], "h").Node("MatMul", ["h", "w2"], "y"),
            Chain().Constant(Tensors.Of("w1", [(sbyte)1], 1, 1)).Constant(Tensors.Of("w2", [(sbyte)2], 1, 1))
                .Constant(Tensors.Of("s", [1f])).Constant(Tensors.Of("z", [(sbyte)0]))
                .Node("DequantizeLinear", ["w1", "s", "z"], "d1").Node("DequantizeLinear", ["w2", "s", "z"], "d2")
                .Node("MatMul", ["x", "d1"], "h").Node("MatMul", ["h", "d2"], "y"),
            NpyArray.Of([1f, -2, 3], 3, 1));
        var fifth = 20 * Math.Log10(5);
        Assert.Equal(fifth, report.SignalToNoise, 4);
        Assert.Collection(report.Layers,
            first =>
            {
                Assert.Equal(("MatMul", "int8", null), (first.Operator, first.Weights, first.Activations));
                Assert.Equal(fifth, first.Alone!.Value, 4);
                Assert.Equal(fifth, first.Cumulative, 4);
                Assert.Equal((-2.5, 3.75), (first.Minimum, first.Maximum));
                Assert.Null(first.Saturated);
            },
            second =>
            {
                Assert.Equal(Closeness.Exact, second.Alone);
                Assert.Equal(fifth, second.Cumulative, 4);
            });
        Assert.Equal((0, 3), (report.NotCompared, report.Samples.Count));
    }

    [Fact]
    public void Values_beyond_the_integers_are_counted_and_those_within_half_a_step_are_not()
    {
        // Steps of 0.5 from -64 to 63.5: of 10, 63.6, 64 and -70 two are cut off.
        var report = Inspect(
            Chain().Node("Neg", ["x"], "h").Node("Neg", ["h"], "y"),
            Chain().Constant(Tensors.Of("s", [0.5f])).Constant(Tensors.Of("z", [(sbyte)0]))
                .Node("Neg", ["x"], "h").Node("QuantizeLinear", ["h", "s", "z"], "q").Node("DequantizeLinear", ["q", "s", "z"], "d")
                .Node("Neg", ["d"], "y"),
            NpyArray.Of([-10f, -63.6f, -64, 70], 4, 1));
        var layer = report.Layers[0];
        Assert.Equal(("Neg", "int8", -64.0, 63.5, 0.5), (layer.Operator, layer.Activations, layer.Lowest, layer.Highest, layer.Saturated));
        // 0.1, 0.5 and 6 are lost.
        var noise = 0.1 * 0.1 + 0.5 * 0.5 + 36;
        Assert.Equal(10 * Math.Log10((100 + 63.6 * 63.6 + 64 * 64 + 4900) / noise), layer.Cumulative, 3);
    }

    [Fact]
    public void What_the_file_needs_wherever_it_is_loaded_is_told_in_report_and_page()
    {
        var model = Chain().Constant(Tensors.Of("w1", [2f], 1, 1)).Node("MatMul", ["x", "w1"], "y");
        var variant = Chain().Constant(Tensors.Of("w1", [(sbyte)2], 1, 1)).Constant(Tensors.Of("s", [1f]))
            .Constant(Tensors.Of("z", [(sbyte)0])).Node("DequantizeLinear", ["w1", "s", "z"], "d").Node("MatMul", ["x", "d"], "y");
        Assert.Empty(Inspect(model, variant, NpyArray.Of([1f], 1, 1)).Settings);
        new NeededSettings(new Dictionary<string, string> { [NeededSettings.NoQuantized] = "1" }).WriteTo(variant.Build());
        var report = Inspect(model, variant, NpyArray.Of([1f], 1, 1));
        Assert.Equal(["Wherever it is loaded it needs session.disable_quant_qdq=1, its file says."], report.Settings);
        Assert.Contains(report.Settings[0], InspectionPage.Render(report), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Recurrent_layer_with_weights_of_bytes_is_listed_where_one_of_its_outputs_is_read(bool lastAlone)
    {
        var random = new Random(3);
        float[] Weights(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        var model = new GraphBuilder().Input("x", 4, 1, 8).Output("y", lastAlone ? [1, 1, 16] : [4, 1, 1, 16])
            .Constant(Tensors.Of("w", Weights(64 * 8), 1, 64, 8)).Constant(Tensors.Of("r", Weights(64 * 16), 1, 64, 16))
            .Node("LSTM", ["x", "w", "r"], "h", node =>
            {
                node.With("hidden_size", 16);
                if (lastAlone) node.Output.Insert(0, "");
            }).Node("Relu", ["h"], "y").Build();
        OnnxFile.Save(model, _folder.File("m.onnx"));
        var report = Inspected(Quantized("int8-dynamic"));
        var layer = Assert.Single(report.Layers);
        Assert.Equal(("DynamicQuantizeLSTM", "uint8", "dynamic"), (layer.Operator, layer.Weights, layer.Activations));
        Assert.InRange(layer.Alone!.Value, 20, 80);
        Assert.Equal(layer.Alone.Value, layer.Cumulative, 3);
    }

    [Fact]
    public void Layers_in_a_branch_are_listed_as_what_carries_it()
    {
        var weight = Tensors.Of("w", [.. Enumerable.Range(0, 64 * 64).Select(i => (i * 37 % 101 - 50) / 100f)], 64, 64);
        static GraphProto Branch(string name, string operation, params string[] reads)
        {
            var graph = new GraphProto { Name = name };
            graph.Node.Add(Nodes.Node(operation, [.. reads], [name]));
            graph.Output.Add(new ValueInfoProto { Name = name });
            return graph;
        }
        var model = new GraphBuilder().Input("x", 1, 64).Output("y", 1, 64).Constant(weight).Constant(Tensors.Of("zero", [0f]))
            .Node("ReduceSum", ["x"], "sum", node => node.With("keepdims", 0)).Node("Greater", ["sum", "zero"], "c0")
            .Node("Squeeze", ["c0"], "c").Node("If", ["c"], "h", node =>
            {
                void Carry(string name, GraphProto graph) => node.Attribute.Add(
                    new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = graph });
                Carry("then_branch", Branch("t", "MatMul", "x", "w"));
                Carry("else_branch", Branch("e", "Neg", "x"));
            }).Node("Relu", ["h"], "y").Build();
        OnnxFile.Save(model, _folder.File("m.onnx"));
        var report = Inspected(Quantized("int8-weights"));
        var layer = Assert.Single(report.Layers);
        Assert.Equal(("If", "int8"), (layer.Operator, layer.Weights));
        Assert.InRange(layer.Alone!.Value, 20, 90);
    }

    [Fact]
    public void Reference_that_is_quantized_itself_is_made_float_first()
    {
        OnnxFile.Save(TinyModels.MatMulAdd(), _folder.File("m.onnx"));
        var given = Quantized("int8-weights");
        File.Move(given, _folder.File("given.onnx"));
        var report = new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec { Onnx = _folder.File("given.onnx"), Validation = SampleSource.Synthetic, Requantize = true },
            Quantization = new QuantizationSpec { Profiles = ["arm-cpu"], Schemes = ["int8-dynamic"], Effort = "fast" },
        }, _folder.File("again"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        // Nothing takes the given one's place that is larger and not told to be faster.
        Assert.All(report.Variants.Where(variant => variant.Chosen),
            variant => Assert.True(variant.Bytes < report.Requantized!.Bytes || variant.EstimatedSpeedUp > 1.25));
        var inspected = Inspected(_folder.File("again/arm-cpu-int8-dynamic.onnx"), "given.onnx");
        Assert.Equal(["MatMulInteger", "MatMulInteger"], inspected.Layers.Select(layer => layer.Operator));
        Assert.Contains("given.onnx is quantized itself", inspected.Settings[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Channel_that_stretches_the_range_is_named()
    {
        float[] weights = [1, 2, 3, 4, 40];
        var report = Inspect(
            Wide().Constant(Tensors.Of("w", weights, 1, 5)).Node("MatMul", ["x", "w"], "y"),
            Wide().Constant(Tensors.Of("w", [(sbyte)1, (sbyte)2, (sbyte)3, (sbyte)4, (sbyte)40], 1, 5)).Constant(Tensors.Of("s", [1f]))
                .Constant(Tensors.Of("z", [(sbyte)0])).Node("DequantizeLinear", ["w", "s", "z"], "d").Node("MatMul", ["x", "d"], "y"),
            NpyArray.Of([1f, 2], 2, 1));
        var layer = Assert.Single(report.Layers);
        Assert.Equal((5, 1, 4), (layer.Channels, layer.OutlierChannels, layer.LargestChannel));
        Assert.Equal(40 / 3.0, layer.LargestFactor!.Value, 5);
    }

    [Fact]
    public void Channels_that_equalization_scaled_are_compared_in_their_own_scale()
    {
        static GraphBuilder Convolutions() => new GraphBuilder().Input("x", 1, 2, 2, 2).Output("y", 1, 1, 2, 2);
        var report = Inspect(
            Convolutions().Constant(Tensors.Of("w1", [1f, 2, 3, -1], 2, 2, 1, 1)).Constant(Tensors.Of("w2", [1f, 4], 1, 2, 1, 1))
                .Node("Conv", ["x", "w1"], "h").Node("Relu", ["h"], "r").Node("Conv", ["r", "w2"], "y"),
            // The second channel is a quarter as large, and counts four times as much behind.
            Convolutions().Constant(Tensors.Of("w1", [(sbyte)4, (sbyte)8, (sbyte)3, (sbyte)-1], 2, 2, 1, 1))
                .Constant(Tensors.Of("w2", [(sbyte)1, (sbyte)16], 1, 2, 1, 1)).Constant(Tensors.Of("s1", [0.25f]))
                .Constant(Tensors.Of("s2", [1f])).Constant(Tensors.Of("z", [(sbyte)0]))
                .Node("DequantizeLinear", ["w1", "s1", "z"], "d1").Node("DequantizeLinear", ["w2", "s2", "z"], "d2")
                .Node("Conv", ["x", "d1"], "h").Node("Relu", ["h"], "r").Node("Conv", ["r", "d2"], "y"),
            NpyArray.Of([1f, 2, 3, 4, 5, 6, -7, 8, 1, 1, 2, -2, 3, 5, 8, 1], 2, 2, 2, 2));
        Assert.Equal([true, false], report.Layers.Select(layer => layer.Rescaled));
        Assert.All(report.Layers, layer =>
        {
            Assert.InRange(layer.Alone!.Value, 100, Closeness.Exact);
            Assert.InRange(layer.Cumulative, 100, Closeness.Exact);
        });
    }

    [Theory]
    [InlineData("int8-static-u8s8", "conv-relu")]
    [InlineData("int8-static-u8u8", "residual")]
    [InlineData("int8-weights", "conv-relu")]
    [InlineData("int8-dynamic", "gemm")]
    [InlineData("fp16", "conv-relu")]
    [InlineData("fp16", "gemm")]
    [InlineData("int4-weights", "gemm")]
    [InlineData("int4-weights-portable", "matmul-add")]
    public void Every_layer_of_a_made_variant_is_compared(string scheme, string name)
    {
        var model = TinyModels.All[name]();
        var layers = model.Graph.Node.Count(node => node.OpType is "Conv" or "Gemm" or "MatMul");
        OnnxFile.Save(model, _folder.File("model.onnx"));
        var samples = TinyModels.SamplesFor(model, 16, seed: 2);
        Write(NpyArray.Of(samples.Inputs, [samples.Count, .. samples.SampleShape]));
        var made = new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec
            {
                Onnx = _folder.File("model.onnx"),
                Calibration = _folder.File("x.npy"),
                Validation = _folder.File("x.npy"),
            },
            Quantization = new QuantizationSpec { Profiles = ["x64"], Schemes = [scheme], MinimumSignalToNoise = 0 },
        }, _folder.Path, new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        var variant = made.Variants.Single(one => one.Scheme != "fp32");
        var report = Inspect(_folder.File(variant.Artifact!.Name));
        Assert.Equal(0, report.NotCompared);
        Assert.Equal(layers, report.Layers.Count(layer => layer.Weights is not null));
        if (scheme == "fp16")
        {
            // What such a layer reads has 16 bits already: it cannot be run alone.
            Assert.All(report.Layers, layer => Assert.Equal(("float16", "float16"), (layer.Weights, layer.Activations)));
            Assert.All(report.Layers, layer => Assert.InRange(layer.Cumulative, 40, Closeness.Exact));
            return;
        }
        Assert.All(report.Layers, layer => Assert.InRange(layer.Alone!.Value, 10, Closeness.Exact));
        // The first layer reads what the float model reads.
        Assert.Equal(report.Layers[0].Alone!.Value, report.Layers[0].Cumulative, 3);
        // Where the last layer is the output, what has gathered there is what is told of the whole.
        if (name != "matmul-add") Assert.Equal(report.SignalToNoise, report.Layers[^1].Cumulative, 1.0);
    }

    [Fact]
    public void Page_shows_each_layer_in_chart_and_table_and_runs_nothing()
    {
        const string Hostile = "<script>alert(1)</script>";
        var layer = new LayerInspection
        {
            Layer = Hostile,
            Operator = "Conv",
            Alone = 20,
            Cumulative = Closeness.Exact,
            Minimum = -1,
            Maximum = 1,
            Channels = 3,
            OutlierChannels = 0,
        };
        var page = InspectionPage.Render(new InspectionReport
        {
            Variant = Hostile,
            Reference = Hostile,
            Samples = new SampleSource(Hostile, 3),
            SignalToNoise = 20,
            Layers = [layer, layer with { Layer = "second", Alone = null, Cumulative = 12.5 }],
        });
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.Contains("second, together: 12.5 dB", page, StringComparison.Ordinal);
        Assert.Contains("alone: 20.0 dB", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("float", "variant.onnx has nothing to list: no layer of it is rounded: it computes in 32-bit floats, as a float model")]
    [InlineData("names", "is quantized (DequantizeLinear 1), and what these operators make has other names in the float model")]
    [InlineData("input", "variant.onnx was not made of model.onnx: the float model has the input 'x' float (any, 1), and the variant 'z' ")]
    [InlineData("more", "the variant has the input 'z' float (any, 1), and the float model 'x' float (any, 1). Give the float model")]
    [InlineData("width", "output 'y' float (any, 1) of the float model is 'y' float (any, 5) in the variant")]
    [InlineData("rank", "input 'x' float (any, 1) of the float model is 'x' float (any, 1, 1) in the variant")]
    [InlineData("inner", "Value 'h' is float (1, 1) in the float model and float (1, 2) in the variant: give the float model")]
    [InlineData("swapped", "variant.onnx has nothing to list: no layer of it is rounded: it computes in 32-bit floats, as a float model")]
    public void Pair_that_does_not_belong_together_is_refused_with_what_differs(string fault, string said)
    {
        static GraphBuilder Float(GraphBuilder graph) => graph.Constant(Tensors.Of("w", [2f], 1, 1)).Node("MatMul", ["x", "w"], "h")
            .Node("Neg", ["h"], "y");
        static GraphBuilder Rounded(GraphBuilder graph, string input = "x", string inner = "h", int width = 1) => graph
            .Constant(Tensors.Of("w", new sbyte[width], 1, width)).Constant(Tensors.Of("s", [1f])).Constant(Tensors.Of("z0", [(sbyte)0]))
            .Node("DequantizeLinear", ["w", "s", "z0"], "d").Node("MatMul", [input, "d"], inner);
        var (model, variant) = fault switch
        {
            "float" => (Float(Chain()), Float(Chain())),
            "names" => (Float(Chain()), Rounded(Chain(), inner: "other").Node("Neg", ["x"], "y")),
            "input" => (Float(Chain()), Rounded(new GraphBuilder().Input("z", -1, 1).Output("y", -1, 1), "z").Node("Neg", ["h"], "y")),
            "more" => (Float(Chain()), Rounded(Chain().Input("z", -1, 1)).Node("Add", ["h", "z"], "y")),
            "width" => (Float(Chain()), Rounded(Wide(), width: 5).Node("Neg", ["h"], "y")),
            "rank" => (Float(Chain()), Rounded(new GraphBuilder().Input("x", -1, 1, 1).Output("y", -1, 1, 1)).Node("Neg", ["h"], "y")),
            "inner" => (Float(Chain()), Rounded(Chain(), width: 2)
                .Node("ReduceSum", ["h"], "y", node => node.Attribute.Add(new AttributeProto
                {
                    Name = "keepdims",
                    Type = AttributeProto.Types.AttributeType.Int,
                    I = 1,
                }))),
            _ => (Rounded(Chain()).Node("Neg", ["h"], "y"), Float(Chain())),
        };
        Assert.Contains(said, Assert.Throws<InvalidDataException>(() => Inspect(model, variant, NpyArray.Of([1f], 1, 1))).Message,
            StringComparison.Ordinal);
    }

    private static GraphBuilder Chain() => new GraphBuilder().Input("x", -1, 1).Output("y", -1, 1);

    private static GraphBuilder Wide() => new GraphBuilder().Input("x", -1, 1).Output("y", -1, 5);

    private InspectionReport Inspect(GraphBuilder model, GraphBuilder variant, NpyArray samples)
    {
        model.Save(_folder);
        Write(samples);
        return Inspect(variant.Save(_folder, "variant.onnx"));
    }

    private InspectionReport Inspect(string variant) => VariantInspector.Run(new InspectionRequest
    {
        Variant = new SourceSpec { Onnx = variant, Validation = _folder.File("x.npy") },
        Reference = _folder.File("model.onnx"),
    }, new Progress<BuildProgress>(), TestContext.Current.CancellationToken);

    /// <summary>The file of a variant of <c>m.onnx</c>.</summary>
    private string Quantized(string scheme)
    {
        var made = new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec { Onnx = _folder.File("m.onnx"), Validation = SampleSource.Synthetic },
            Quantization = new QuantizationSpec
            {
                Profiles = ["arm-cpu"],
                Schemes = [scheme],
                MinimumSignalToNoise = 0,
                Effort = "fast",
            },
        }, _folder.Path, new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        var variant = made.Variants.Single(one => one.Scheme == scheme);
        return _folder.File(variant.Artifact?.Name ?? throw new InvalidOperationException(string.Join(' ', variant.Reasons)));
    }

    private InspectionReport Inspected(string variant, string reference = "m.onnx") => VariantInspector.Run(new InspectionRequest
    {
        Variant = new SourceSpec { Onnx = variant, Validation = SampleSource.Synthetic },
        Reference = _folder.File(reference),
    }, new Progress<BuildProgress>(), TestContext.Current.CancellationToken);

    private void Write(NpyArray samples) => File.WriteAllBytes(_folder.File("x.npy"), samples.ToFile());
}
