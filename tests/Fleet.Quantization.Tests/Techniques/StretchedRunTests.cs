using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests.Techniques;

public sealed class StretchedRunTests
{
    private static readonly CancellationToken NoCancellation = CancellationToken.None;

    /// <summary>A branch that is held past two layers, a shape that is computed and a constant that is.</summary>
    private static ModelProto Branched()
    {
        var model = new GraphBuilder().Input("x", -1, 8, 8, 8).Weight("w1", 8, 8, 3, 3).Weight("b1", 8).Weight("w2", 8, 8, 1, 1)
            .Weight("b2", 8).Weight("w3", 4, 8, 3, 3).Weight("b3", 4)
            .Constant(Tensors.Of("half", [0.5f])).Constant(Tensors.Of("axis", [1L], 1))
            .Node("Conv", ["x", "w1", "b1"], "c1").Node("Relu", ["c1"], "r1").Node("Shape", ["r1"], "extents")
            .Node("Mul", ["half", "half"], "quarter")
            .Node("Conv", ["r1", "w2", "b2"], "c2").Node("Mul", ["c2", "quarter"], "m2").Node("Add", ["m2", "r1"], "sum")
            .Node("Reshape", ["sum", "extents"], "same")
            .Node("Conv", ["same", "w3", "b3"], "c3").Node("Relu", ["c3"], "y").Output("y", -1, 4, 4, 4).Build();
        foreach (var (node, number) in model.Graph.Node.Select((node, number) => (node, number))) node.Name = $"n{number}";
        return model;
    }

    private static SampleFeeds Samples(ModelProto model) => TinyModels.SamplesFor(model, 3, seed: 1).Feeds("x");

    private static List<float[]> Whole(ModelProto model, string value)
    {
        var seen = new List<float[]>();
        CalibrationRun.Observe(model, [value], Samples(model), 1,
            (_, made) => seen.Add(made.GetTensorDataAsSpan<float>().ToArray()), NoCancellation);
        return seen;
    }

    private static List<float[]> Stretch(StretchedRun run, ModelProto model, string value)
    {
        var seen = new List<float[]>();
        Assert.True(run.Until(model, value, made => seen.Add(made.GetTensorDataAsSpan<float>().ToArray()), NoCancellation));
        return seen;
    }

    private static void Same(List<float[]> expected, List<float[]> actual)
        => Assert.All(expected.Zip(actual),
            pair => Assert.InRange(Judgement.SignalToNoise(pair.Second, pair.First), 100, double.PositiveInfinity));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Stretches_make_what_the_whole_model_makes(bool quantized)
    {
        var model = Branched();
        if (quantized) model = Quantized(model);
        using var run = StretchedRun.Over(model, Samples(model), NoCancellation);
        foreach (var layer in model.Graph.Node.Where(node => node.OpType == "Conv"))
            Same(Whole(model, layer.Output[0]), Stretch(run, model, layer.Output[0]));
    }

    [Fact]
    public void Numbers_of_the_layer_that_was_seen_may_change_and_reach_the_next_one()
    {
        var model = Branched();
        using var run = StretchedRun.Over(model, Samples(model), NoCancellation);
        foreach (var (layer, bias) in (IEnumerable<(string, string)>)[("c1", "b1"), ("c2", "b2"), ("c3", "b3")])
        {
            var before = Whole(model, layer);
            Same(before, Stretch(run, model, layer));
            model = model.Clone();
            var at = model.Graph.Initializer.Select(tensor => tensor.Name).ToList().IndexOf(bias);
            model.Graph.Initializer[at] = Tensors.Of(
                bias, [.. model.Graph.Initializer[at].ToSingles().Select(value => value + 1)], model.Graph.Initializer[at].Dims[0]);
            Assert.InRange(Judgement.SignalToNoise(Whole(model, layer)[0], before[0]), double.NegativeInfinity, 20);
        }
    }

    [Fact]
    public void Rest_of_a_model_from_any_place_on_is_what_the_whole_makes()
    {
        var model = Branched();
        var expected = Whole(model, "y").SelectMany(values => values).ToArray();
        using var run = StretchedRun.Over(model, Samples(model), NoCancellation);
        foreach (var place in (string[])["c1", "c2", "same", "c3", "y"])
        {
            Stretch(run, model, place);
            var rest = run.Rest(model, NoCancellation);
            Assert.InRange(Judgement.SignalToNoise(rest!, expected), 100, double.PositiveInfinity);
            // Looking at the rest does not move on.
            Assert.Equal(rest, run.Rest(model, NoCancellation));
        }
    }

    [Fact]
    public void Rest_of_another_model_reads_what_is_held_and_is_none_where_it_reads_something_else()
    {
        var model = Branched();
        using var run = StretchedRun.Over(model, Samples(model), NoCancellation);
        Stretch(run, model, "c2");
        var other = model.Clone();
        other.Graph.Node[^1] = Nodes.Node("Neg", ["c3"], ["y"]);
        Assert.InRange(Judgement.SignalToNoise(run.Rest(other, NoCancellation)!, [.. Whole(other, "y").SelectMany(values => values)]),
            100, double.PositiveInfinity);
        other.Graph.Node[^1] = Nodes.Node("ReduceMax", ["x"], ["y"]);
        Assert.Null(run.Rest(other, NoCancellation));
    }

    [Fact]
    public void Output_that_was_made_early_is_part_of_the_rest()
    {
        var model = Branched();
        model.Graph.Output.Insert(0, new ValueInfoProto { Name = "r1" });
        using var run = StretchedRun.Over(model, Samples(model), NoCancellation);
        Stretch(run, model, "c3");
        float[] expected = [.. Whole(model, "r1").Zip(Whole(model, "y")).SelectMany(pair => pair.First.Concat(pair.Second))];
        Assert.InRange(Judgement.SignalToNoise(run.Rest(model, NoCancellation)!, expected), 100, double.PositiveInfinity);
    }

    [Fact]
    public void Model_with_other_nodes_than_the_first_is_refused()
    {
        var model = Branched();
        using var run = StretchedRun.Over(model, Samples(model), NoCancellation);
        Stretch(run, model, "c1");
        var other = model.Clone();
        other.Graph.Node.Insert(0, Nodes.Node("Abs", ["x"], ["more"]));
        Assert.False(run.Until(other, "c2", _ => Assert.Fail("It was run."), NoCancellation));
    }

    [Fact]
    public void Samples_of_a_sequence_start_from_the_state_before_them()
    {
        var model = new GraphBuilder().Input("x", 1, 4).Input("h", 1, 4).Weight("w", 4, 4).Node("Add", ["x", "h"], "s")
            .Node("MatMul", ["s", "w"], "hn").Node("Abs", ["hn"], "a").Output("hn", 1, 4).Output("a", 1, 4).Build();
        using var run = StretchedRun.Over(model, new Steps(3), NoCancellation);
        var stretched = Stretch(run, model, "a");
        var whole = new List<float[]>();
        CalibrationRun.Observe(model, ["a"], new Steps(3), 1,
            (_, made) => whole.Add(made.GetTensorDataAsSpan<float>().ToArray()), NoCancellation);
        Assert.Equal(3, stretched.Count);
        Same(whole, stretched);
        Assert.NotEqual(stretched[0], stretched[1]);
    }

    [Fact]
    public void List_that_is_read_further_on_ends_the_run()
    {
        var model = new GraphBuilder().Input("x", -1, 8, 8, 8).Weight("w1", 8, 8, 1, 1).Weight("w2", 8, 8, 1, 1)
            .Constant(Tensors.Of("first", [0L]))
            .Node("Relu", ["x"], "r").Node("SequenceConstruct", ["r", "r"], "list").Node("Conv", ["x", "w1"], "c1")
            .Node("SequenceAt", ["list", "first"], "back").Node("Add", ["c1", "back"], "y").Output("y", -1, 8, 8, 8).Build();
        using var run = StretchedRun.Over(model, Samples(model), NoCancellation);
        Assert.False(run.Until(model, "c1", _ => { }, NoCancellation));
    }

    /// <summary>The same sample each time, and a state that goes on.</summary>
    private sealed class Steps(int count) : IFeedSource
    {
        public int Count => count;

        public IEnumerable<Feed> Batches(int batchSize)
        {
            float[] state = new float[4];
            for (var i = 0; i < count; i++)
                yield return new Feed(new Dictionary<string, OrtValue> { ["x"] = Value([1, 2, 3, 4]), ["h"] = Value(state) },
                    new Dictionary<string, Action<OrtValue>> { ["hn"] = value => state = value.GetTensorDataAsSpan<float>().ToArray() });
        }

        private static OrtValue Value(float[] values) => OrtValue.CreateTensorValueFromMemory(values, [1, 4]);
    }

    private static ModelProto Quantized(ModelProto model)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(model, folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var source = new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
        {
            Samples = Samples(model),
        }.Recalibrated(prepared, QuantizationSchemes.Int8U8S8, NoCancellation);
        return QuantizationSchemes.Int8U8S8.Apply(source, new HashSet<string>());
    }
}
