using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Evaluation;

public sealed class JudgementTests
{
    [Fact]
    public void Accuracy_and_agreement_count_decisions()
    {
        var outputs = new ModelOutputs([1, 2, 5, 4, 0, 9], 3);
        Assert.Equal([1, 0, 1], outputs.Decisions());
        Assert.Equal(2.0 / 3, Judgement.Accuracy(outputs, [1, 1, 1]));
        Assert.Equal(1.0 / 3, Judgement.Agreement(outputs, new ModelOutputs([1, 0, 0, 1, 0, 1], 3)));
    }

    [Fact]
    public void Signal_to_noise_is_in_decibels()
    {
        Assert.Equal(20, Judgement.SignalToNoise([11], [10]), 1e-9);
        Assert.Equal(Closeness.Exact, Judgement.SignalToNoise([1, 2], [1, 2]));
    }

    [Theory]
    [InlineData(new[] { 11f, float.NegativeInfinity }, new[] { 10f, float.NegativeInfinity }, 20)] // a masked score
    [InlineData(new[] { 11f, 5f }, new[] { 10f, float.NaN }, 20)]
    [InlineData(new[] { float.NaN, 2f }, new[] { 1f, 2f }, -Closeness.Exact)]
    [InlineData(new[] { float.PositiveInfinity, 2f }, new[] { 1f, 2f }, -Closeness.Exact)]
    [InlineData(new[] { 1f, 0f }, new[] { 0f, 0f }, -Closeness.Exact)]
    public void Signal_to_noise_is_always_a_number(float[] values, float[] reference, double expected)
    {
        var deviation = new OutputScore().Add(values, reference);
        Assert.Equal(expected, deviation.SignalToNoise, 1e-6);
        Assert.InRange(deviation.Cosine, -1, 1);
    }

    [Fact]
    public void Processor_is_read_as_the_kernel_names_it()
    {
        var facts = ThisMachine.Read(
            ["processor\t: 0", "model\t\t: 17", "model name\t: AMD EPYC 9654", "flags\t\t: sse2 avx2 avx512_vnni"]);
        Assert.Equal("AMD EPYC 9654", facts.Processor);
        Assert.Equal(["avx2", "avx512_vnni", "sse2"], facts.IsaFlags);
    }

    [Fact]
    public void Guard_against_saturation_is_left_out_where_vnni_makes_it_needless()
    {
        var runtime = BuiltInProfiles.X64.Runtime;
        Assert.Contains("session.x64quantprecision", runtime.On(["avx2"]).SessionEntries.Keys);
        Assert.DoesNotContain("session.x64quantprecision", runtime.On(["avx2", "avx512_vnni"]).SessionEntries.Keys);
        Assert.DoesNotContain("session.x64quantprecision", runtime.On(["avx_vnni"]).SessionEntries.Keys);
    }

    [Fact]
    public void Outputs_kept_in_a_file_compare_as_those_in_memory_and_leave_no_file()
    {
        using var folder = new ScratchFolder();
        using var session = OnnxRuntimeSession.Open(
            new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 4).Node("MatMul", ["x", "w"], "y").Output("y", -1, 4).Save(folder));
        using var other = OnnxRuntimeSession.Open(new GraphBuilder().Input("x", -1, 8).Weight("v", 8, 4).Weight("w", 8, 4)
            .Node("MatMul", ["x", "w"], "y").Output("y", -1, 4).Save(folder, "other.onnx"));
        var samples = TinyModels.SamplesFor(OnnxFile.Load(folder.File("model.onnx")), 50, seed: 3).Feeds("x");
        long[] labels = [.. Enumerable.Repeat(2L, 50)];
        var outputs = AllOutputs.Of(other, samples, TestContext.Current.CancellationToken);
        using (var baseline = Baseline.Measure(
            folder.File("model.onnx"), HeldOut.Of(samples, labels), TestContext.Current.CancellationToken))
        {
            var same = baseline.Tell(session, TestContext.Current.CancellationToken).Closeness;
            Assert.Equal((Closeness.Exact, 1.0), (same.SignalToNoise, same.Agreement));
            Assert.Equal(1, same.Cosine, 1e-12);
            // What reports is half of the samples; the other half chose.
            var reporting = new PickedFeeds(samples, baseline.Split.Report);
            Assert.Equal(25, reporting.Count);
            outputs = AllOutputs.Of(other, reporting, TestContext.Current.CancellationToken);
            var expected = outputs.Against(AllOutputs.Of(session, reporting, TestContext.Current.CancellationToken));
            var judged = baseline.Tell(other, TestContext.Current.CancellationToken);
            Assert.Equal(expected.SignalToNoise, judged.Closeness.SignalToNoise, 1e-6);
            Assert.Equal(expected.Cosine, judged.Closeness.Cosine, 1e-5);
            Assert.Equal(expected.Agreement, judged.Closeness.Agreement);
            Assert.InRange(judged.Closeness.Agreement!.Value, 0, 0.9);
            Assert.Equal(MetricValue.Of(Metric.Accuracy, outputs.Decisions.Count(decision => decision == 2) / 25.0), judged.Figure);
            Assert.True(File.Exists(folder.File("model.onnx.outputs")));
        }
        Assert.False(File.Exists(folder.File("model.onnx.outputs")));
    }

    [Fact]
    public void Samples_that_travel_are_scored_beside_all_of_them()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 1).Node("Identity", ["x"], "y").Output("y", -1, 1).Save(folder);
        var other = new GraphBuilder().Input("x", -1, 1).Constant(Tensors.Of("two", [2f])).Node("Mul", ["x", "two"], "y")
            .Output("y", -1, 1).Save(folder, "other.onnx");
        var samples = new TinySamples([0, 1, 2, 3, 4], [1], new long[5]).Feeds("x");
        var labels = new Dictionary<string, NpyArray> { ["labels"] = NpyArray.Of([0f, 1, 2, 3, 4], 5) };
        var heldOut = new HeldOut(samples, SampleTruth.Read(ModelTask.Regression, labels, 5)) { LabelUnit = "kW", Travelling = [1, 3] };
        using var baseline = Baseline.Measure(model, heldOut, TestContext.Current.CancellationToken);
        using var session = OnnxRuntimeSession.Open(other);
        var judged = baseline.Tell(session, TestContext.Current.CancellationToken);
        // The error of each sample is its number; 1 and 3 travel, whether they report or not.
        var report = Math.Sqrt(baseline.Split.Report.Average(sample => sample * sample));
        Assert.Equal((3, "kW"), (baseline.Split.Report.Count, judged.Figure.Unit));
        Assert.Equal(report, judged.Figure.Value, 9);
        var selection = Math.Sqrt(baseline.Split.Selection.Average(sample => sample * sample));
        Assert.Equal(selection, baseline.Compare(session, TestContext.Current.CancellationToken).Figure.Value, 9);
        Assert.True(judged.Interval is { Low: var low, High: var high } && low <= report && report <= high);
        Assert.Equal(["rmse", "mae"], judged.Figures.Select(figure => figure.Name));
        Assert.Equal([Math.Sqrt(5), 2], judged.Travelling!.Select(figure => figure.Value));
        Assert.Equal(0, baseline.Original.Figure.Value);
    }

    [Fact]
    public void What_is_not_a_number_is_the_worst_there_is()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 1).Node("Identity", ["x"], "y").Output("y", -1, 1).Save(folder);
        var other = new GraphBuilder().Input("x", -1, 1).Node("Log", ["x"], "y").Output("y", -1, 1).Save(folder, "other.onnx");
        var labels = new Dictionary<string, NpyArray> { ["labels"] = NpyArray.Of([-1f, -2], 2) };
        using var baseline = Baseline.Measure(model,
            new HeldOut(new TinySamples([-1, -2], [1], new long[2]).Feeds("x"), SampleTruth.Read(ModelTask.Regression, labels, 2)),
            TestContext.Current.CancellationToken);
        using var session = OnnxRuntimeSession.Open(other);
        var judged = baseline.Tell(session, TestContext.Current.CancellationToken);
        Assert.Equal(double.PositiveInfinity, judged.Loss);
        Assert.Empty(judged.Figures);
    }
}
