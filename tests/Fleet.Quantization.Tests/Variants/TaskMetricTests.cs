using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>The metric of the task decides which variants are good enough.</summary>
public sealed class TaskMetricTests : IDisposable
{
    private static readonly DeviceFacts Machine = new() { Architecture = "x64", IsaFlags = ["avx2"] };

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0.0001, false)]
    [InlineData(0.5, true)]
    public void Predicted_numbers_are_held_to_their_error_whatever_the_decibels(double maximumDrop, bool accepted)
    {
        var model = new GraphBuilder().Input("x", -1, 64).Weight("w", 64, 4).Node("MatMul", ["x", "w"], "values")
            .Output("values", -1, 4).Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 60, 1);
        using var session = OnnxRuntimeSession.Open(model);
        var values = ModelOutputs.Of(session, samples.Feeds("x"), TestContext.Current.CancellationToken).Values;
        // The float model is 1 kW off everywhere.
        var labels = new Dictionary<string, NpyArray> { ["labels"] = NpyArray.Of(Array.ConvertAll(values, value => value + 1), 60, 4) };
        var heldOut = new HeldOut(samples.Feeds("x"), SampleTruth.Read(ModelTask.Regression, labels, 60)) { LabelUnit = "kW" };
        var made = Make(model, heldOut, new QuantizationSpec
        {
            Schemes = ["int4-weights"],
            MaximumDrop = maximumDrop,
            MinimumSignalToNoise = 0,
        });
        Assert.Equal("rmse", made.Measure);
        Assert.Equal(1, made.Original.Find("rmse")!.Value, 1e-4);
        var variant = made.Variants[0];
        Assert.Equal(accepted, variant.Accepted);
        Assert.Equal(variant.Scores!.Find("rmse")!.Value - made.Original.Find("rmse")!.Value, variant.Drop!.Value, 1e-9);
        Assert.Equal(["rmse", "mae"],
            variant.Scores.Metrics.Where(metric => !Metric.IsCost(metric.Name)).Select(metric => metric.Name));
        // The largest of a few numbers to predict is not a decision.
        Assert.Null(variant.Closeness!.Agreement);
        if (accepted) return;
        Assert.Matches("^RMSE is 1\\.[0-9]+ kW, and 1 kW of the float model; at most 1\\.0001 kW is allowed\\.$", variant.Reasons[0]);
    }

    [Fact]
    public void Detector_is_held_to_its_true_boxes()
    {
        var model = Detector().Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 30, 1);
        using var session = OnnxRuntimeSession.Open(model);
        string[] names = ["boxes", "scores"];
        SampleOutputs[] said = [.. SampleOutputs.Each(session, samples.Feeds("x"), names, TestContext.Current.CancellationToken)];
        var labels = new Dictionary<string, NpyArray>
        {
            ["labels.boxes"] = NpyArray.Of(said.SelectMany(one => one.Values[0]).ToArray(), 30, 8, 4),
            ["labels"] = NpyArray.Of(said.SelectMany(one => one.Values[1].Select(score => score > 0.5f ? 0L : -1)).ToArray(), 30, 8),
        };
        var made = Make(model, new HeldOut(samples.Feeds("x"), SampleTruth.Read(ModelTask.Detection, labels, 30)),
            new QuantizationSpec { Schemes = ["int8-static-u8s8"], MaximumDrop = 1 });
        Assert.Equal("map50To95", made.Measure);
        Assert.Equal(1, made.Original.Find("map50To95")!.Value, 1e-9);
        Assert.Equal(1 - made.Variants[0].Scores!.Find("map50To95")!.Value, made.Variants[0].Drop!.Value, 1e-9);
        Assert.InRange(made.Variants[0].Drop!.Value, 1e-6, 1);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(0, true)]
    public void Detector_without_labels_is_held_to_the_boxes_that_the_float_model_is_sure_of(double minimum, bool accepted)
    {
        var model = Detector().Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 30, 1);
        var heldOut = new HeldOut(samples.Feeds("x"), SampleTruth.Read(ModelTask.Detection, new Dictionary<string, NpyArray>(), 30));
        var made = Make(model, heldOut,
            new QuantizationSpec { Schemes = ["int8-static-u8s8"], MinimumBoxAgreement = minimum, MinimumSignalToNoise = 150 });
        Assert.Equal("boxAgreement", made.Measure);
        Assert.Equal(1, made.Original.Find("boxAgreement")!.Value, 1e-9);
        var variant = made.Variants[0];
        Assert.Equal(accepted, variant.Accepted);
        Assert.InRange(variant.Scores!.Find("boxAgreement")!.Value, 0.2, 0.9999);
        if (!accepted) Assert.StartsWith("Box agreement is 0.", variant.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Detector_that_is_sure_of_nothing_on_these_samples_is_held_to_decibels()
    {
        var model = Detector().Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 30, 1);
        var heldOut = new HeldOut(samples.Feeds("x"), SampleTruth.Read(ModelTask.Detection, new Dictionary<string, NpyArray>(), 30))
        {
            Detection = new DetectionForm { ConfidentScore = 2 },
        };
        Assert.Equal("signalToNoise", Make(model, heldOut, new QuantizationSpec { Schemes = ["int8-static-u8s8"] }).Measure);
    }

    /// <summary>Its half chooses: the other would have left this detector to decibels, and nobody would have been told.</summary>
    [Fact]
    public void Detector_that_is_sure_of_boxes_in_one_half_alone_is_held_to_them_by_all_samples()
    {
        var model = Detector().Save(_folder);
        using var session = OnnxRuntimeSession.Open(model);
        var selection = SampleSplit.Of([.. Enumerable.Range(0, 30)]).Selection;
        var (samples, surest) = Enumerable.Range(1, 30).Select(seed =>
        {
            var drawn = TinyModels.SamplesFor(OnnxFile.Load(model), 30, seed);
            return (drawn, SampleOutputs.Each(session, drawn.Feeds("x"), ["scores"], TestContext.Current.CancellationToken)
                .Select((one, sample) => (Score: one.Values[0].Max(), Sample: sample))
                .OrderByDescending(one => one.Score).Take(2).ToArray());
        }).First(drawn => selection.Contains(drawn.Item2[0].Sample) && drawn.Item2[0].Score > drawn.Item2[1].Score);
        var heldOut = new HeldOut(samples.Feeds("x"), SampleTruth.Read(ModelTask.Detection, new Dictionary<string, NpyArray>(), 30))
        {
            Detection = new DetectionForm { ConfidentScore = (surest[0].Score + surest[1].Score) / 2 },
        };
        var made = Make(model, heldOut, new QuantizationSpec { Schemes = ["int8-static-u8s8"] });
        Assert.Equal(("boxAgreement", true), (made.Measure, made.Parts.Shared));
    }

    [Fact]
    public void Classes_have_their_macro_f1_beside_the_accuracy()
    {
        var model = new GraphBuilder().Input("x", -1, 64).Weight("w", 64, 4).Node("MatMul", ["x", "w"], "y")
            .Output("y", -1, 4).Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 60, 1);
        long[] labels = [.. Enumerable.Range(0, 60).Select(sample => sample % 4L)];
        var made = Make(model, HeldOut.Of(samples.Feeds("x"), labels),
            new QuantizationSpec { Schemes = ["int8-weights"], MaximumDrop = 1 });
        Assert.Equal("accuracy", made.Measure);
        using var session = OnnxRuntimeSession.Open(_folder.File($"out/{made.Variants[0].Id}.onnx"), made.Variants[0].Runtime);
        var decided = ModelOutputs.Of(session, samples.Feeds("x"), TestContext.Current.CancellationToken).Decisions();
        // Of the half that chose nothing.
        var report = SampleSplit.Of([.. Enumerable.Range(0, 60)], labels).Report;
        Assert.Equal(
            ClassificationScore.MacroF1([.. report.Select(sample => decided[sample])], [.. report.Select(sample => labels[sample])]),
            made.Variants[0].Scores!.Find("macroF1")!.Value, 1e-9);
    }

    private MadeVariants Make(string model, HeldOut heldOut, QuantizationSpec spec)
        => new VariantMaker(Machine).Make(
            new VariantRequest(model, heldOut.Samples, heldOut,
                VariantSettings.Of(spec, [BuiltInProfiles.Find("x64")!]), _folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken);

    /// <summary>Eight boxes a sample, each of 16 features: a left upper and a right lower corner, and a score.</summary>
    private static GraphBuilder Detector() => new GraphBuilder().Input("x", 1, 8, 16)
        .Weight("l", 16, 2).Weight("r", 16, 2).Weight("s", 16, 1)
        .Constant(Tensors.Of("gain", [60f], 1)).Constant(Tensors.Of("share", [0.4f], 1))
        .Constant(Tensors.Of("far", [0.41f], 1)).Constant(Tensors.Of("flat", [1L, 8], 2))
        .Node("MatMul", ["x", "l"], "l0").Node("Mul", ["l0", "gain"], "l1")
        .Node("Sigmoid", ["l1"], "l2").Node("Mul", ["l2", "share"], "left")
        .Node("MatMul", ["x", "r"], "r0").Node("Mul", ["r0", "gain"], "r1").Node("Sigmoid", ["r1"], "r2").Node("Mul", ["r2", "share"], "r3")
        .Node("Add", ["r3", "far"], "right")
        .Node("Concat", ["left", "right"], "boxes", node => node.With("axis", 2L))
        .Node("MatMul", ["x", "s"], "s1").Node("Sigmoid", ["s1"], "s2").Node("Reshape", ["s2", "flat"], "scores")
        .Output("boxes", 1, 8, 4).Output("scores", 1, 8);
}
