using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.Decisions;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Platform;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Variants;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests;

/// <summary>From normal samples to a gated model: what a device serves is what was measured.</summary>
public sealed class AnomalyBuildTests : IDisposable
{
    private const int Width = 8;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Normal samples lie on a curve of two numbers in eight; anomalies are as large, but lie anywhere.
    private string Samples(string name, int normal, int anomalies, bool labelled = true)
    {
        var random = new Random(3);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        var rows = new List<float>();
        for (var sample = 0; sample < normal + anomalies; sample++)
        {
            var (a, b) = (Normal(), Normal());
            for (var place = 0; place < Width; place++)
                rows.Add((float)(sample < normal ? Math.Sin(place) * a + Math.Cos(2 * place) * b + 0.05 * Normal() : Normal()));
        }
        using var file = File.Create(_folder[name]);
        var inputs = KeyValuePair.Create("inputs", NpyArray.Of(rows.ToArray(), normal + anomalies, Width));
        long[] labels = [.. Enumerable.Range(0, normal + anomalies).Select(sample => sample < normal ? 0L : 1)];
        NpzArchive.Write(file, labelled ? [inputs, KeyValuePair.Create("labels", NpyArray.Of(labels, labels.Length))] : [inputs]);
        return _folder[name];
    }

    private static BuildSpec Spec(DataSpec data, string family = "prototypes") => new()
    {
        Model = "pump",
        Data = data with { Task = ModelTask.Anomaly },
        Teacher = new TeacherSpec { Family = TeacherSpec.None },
        Student = new StudentSpec { Family = family, Width = 16, Depth = family == "mlp" ? 1 : null },
        Distillation = new DistillationSpec { Training = new TrainingSpec { Epochs = 12, LearningRate = 0.01 } },
        Quantization = new QuantizationSpec { Profiles = ["x64"], CalibrationSamples = 64 },
    };

    private static IReadOnlyDictionary<string, NpyArray> Arrays(string path)
    {
        using var file = File.OpenRead(path);
        return NpzArchive.Read(file, 1 << 20);
    }

    private BuildResult Built(BuildSpec spec)
        => new Build(TimeProvider.System).Run(spec, _folder["out"], new IgnoredProgress(), TestContext.Current.CancellationToken);

    [Theory]
    [InlineData("mlp")]
    [InlineData("prototypes")]
    public void Score_is_in_the_graph_and_8_bits_keep_it(string family)
    {
        var built = Built(Spec(new DataSpec { Train = Samples("a.npz", 700, 140) }, family));
        var report = built.Report;
        Assert.Equal((ModelTask.Anomaly, Metric.RocAuc.Name), (report.Task, report.Measure));
        Assert.Equal(("score", 1L), (report.Outputs[0].Name, report.Outputs[0].Shape[^1]));
        double Figure(Metric metric) => report.Student.Scores[metric]!.Value;
        Assert.True(Figure(Metric.RocAuc) > 0.9, $"{Figure(Metric.RocAuc)}");
        Assert.Contains(report.Student.Intervals, interval => interval.Name == Metric.AveragePrecision.Name);
        Assert.Equal(["constant", "distance", "pca", "nearest"], report.Floors.Select(floor => floor.Name));
        Assert.Equal(0.5, report.Floors[0].Scores[Metric.RocAuc]);
        var figures = report.Student.Anomalies!;
        Assert.Equal((56, 140), (figures.ThresholdSamples, figures.Normal));
        Assert.Equal("1", Assert.Single(figures.Kinds).Name);
        Assert.Equal(Figure(Metric.Recall), figures.Kinds[0].Recall, 9);
        Assert.Contains("Precision and recall of anomalies", built.Page, StringComparison.Ordinal);
        Assert.Contains(report.Findings, finding => finding.StartsWith("The threshold is the largest score of 56 normal validation "
            + "samples, which 1 of 57 normal samples is expected to be above (1.8 %); to hold 1 % it takes 99", StringComparison.Ordinal));

        var int8 = report.Variants.Single(variant => variant.Scheme == "int8-static-u8s8");
        Assert.True(int8.Scores![Metric.RocAuc] > Figure(Metric.RocAuc) - 0.02, $"{int8.Scores[Metric.RocAuc]}");
        using var session = OnnxRuntimeSession.Open(built.Artifacts[int8.Artifact!]);
        Assert.True(session.ModelMetadata.CustomMetadataMap.ContainsKey("fleet.anomaly.threshold"));
        Assert.Contains("labels", Arrays(built.Artifacts[report.ValidationSet]).Keys);

        // Each variant has the threshold that its own normal validation samples say, and a device holds it to its false alarms.
        var alarms = int8.FalsePositives!;
        Assert.Equal(140, alarms.Normal);
        Assert.Equal(session.ModelMetadata.CustomMetadataMap["fleet.anomaly.threshold"],
            ((float)alarms.Threshold!.Value).ToString("R", System.Globalization.CultureInfo.InvariantCulture));
        Assert.NotEqual(figures.Threshold, alarms.Threshold.Value);
        Assert.InRange(alarms.Rate, alarms.Low, alarms.High);
        Assert.Contains("data-alarms=\"" + int8.Id, built.Page, StringComparison.Ordinal);
        var gate = new GateSpec().For(ModelTask.Anomaly, int8.Scores!);
        Assert.Equal(int8.Scores![Metric.FalsePositiveRate] + 0.02,
            gate.Thresholds.Single(limit => limit.Metric == Metric.FalsePositiveRate.Name).Maximum);
    }

    // No error of a linear code tells what lies between two clusters on a line, and no distance from the mean.
    [Fact]
    public void Sample_between_what_is_normal_is_further_from_the_prototypes_than_any_normal_one()
    {
        NativeEnvironment.Prepare();
        var random = new Random(5);
        float Noise() => 0.2f * (float)(random.NextDouble() - 0.5);
        SampleSet Of(params float[] places) => new(
            places.SelectMany(place => Enumerable.Range(0, Width).Select(value => place * (value + 1) + Noise())).ToArray(), [Width],
            AnomalyLabels.AllNormal(places.Length));
        var training = Of([.. Enumerable.Range(0, 60).Select(sample => sample % 2 == 0 ? -1f : 1)]);
        var head = new Reconstruction(training.SampleShape);
        using var network = new Network(Families.Student("prototypes", 16, [Width], head), Normalization.Measure(training), 1);
        PrototypeFit.Apply(network, training, 1, TestContext.Current.CancellationToken);
        var (known, between) = (network.Outputs(training, TestContext.Current.CancellationToken),
            network.Outputs(Of(0, 0.2f, -0.3f), TestContext.Current.CancellationToken));
        Assert.True(between.Min() > 4 * known.Max(), $"{between.Min()} beside {known.Max()}");
        // A sample far away in a direction that no normal one varies in is far as well.
        var other = Of(1).Inputs;
        other[0] += 3;
        Assert.True(network.Outputs(new SampleSet(other, [Width], AnomalyLabels.AllNormal(1)),
            TestContext.Current.CancellationToken)[0] > 4 * known.Max());
        var first = network.Plan.Head;
        PrototypeFit.Apply(network, training, 1, TestContext.Current.CancellationToken);
        Assert.Equal(((Reconstruction)first).Prototypes, ((Reconstruction)network.Plan.Head).Prototypes);
    }

    // More values than samples, one sample, samples that are all alike, each of them twice, and values that never change.
    [Theory]
    [InlineData(5, 5, 40, 0)]
    [InlineData(1, 1, 3, 0)]
    [InlineData(40, 1, 3, 0)]
    [InlineData(60, 30, 4, 0)]
    [InlineData(50, 50, 6, 3)]
    public void Each_sample_is_a_prototype_where_there_are_as_many(int samples, int kinds, int width, int constant)
    {
        NativeEnvironment.Prepare();
        var random = new Random(2);
        float[][] distinct = [
            .. Enumerable.Range(0, kinds).Select(_ => Enumerable.Range(0, width)
                .Select(value => value < constant ? 0.5f : random.NextSingle()).ToArray()),
        ];
        SampleSet Of(float[][] rows) => new(rows.SelectMany(row => row).ToArray(), [width], AnomalyLabels.AllNormal(rows.Length));
        var training = Of([.. Enumerable.Range(0, samples).Select(sample => distinct[sample % kinds])]);
        using var network = new Network(
            Families.Student("prototypes", 16, [width], new Reconstruction([width])), Normalization.Measure(training), 1);
        PrototypeFit.Apply(network, training, 1, TestContext.Current.CancellationToken);
        var known = network.Outputs(training, TestContext.Current.CancellationToken);
        // What differs from all of them in any value, be it one that never changed, is further from them than they from themselves.
        float[][] others = [
            .. Enumerable.Range(0, width).Select(
                place => distinct[0].Select((value, at) => at == place ? value + 3 : value).ToArray()),
        ];
        var unknown = network.Outputs(Of(others), TestContext.Current.CancellationToken);
        Assert.All(known, score => Assert.InRange(score, 0, 1e-6f));
        Assert.All(unknown, score => Assert.True(score > 0.01, $"{score}"));
        using var folder = new TemporaryFolder();
        CheckedExport.Write(network, folder["a.onnx"], training);
    }

    // Held until the end, what the prototypes compare is 4 GB here, and what the rounds compare more.
    [Fact]
    public void Fit_of_many_samples_holds_no_more_than_a_round_of_it()
    {
        NativeEnvironment.Prepare();
        var random = new Random(6);
        var training = new SampleSet(Enumerable.Range(0, 60_000 * 4).Select(_ => random.NextSingle()).ToArray(), [4],
            AnomalyLabels.AllNormal(60_000));
        using var network = new Network(
            Families.Student("prototypes", 16, [4], new Reconstruction([4])), Normalization.Measure(training), 1);
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak begins anew (proc_pid_clear_refs(5))
        var before = ProcessMemory.PeakResident(Environment.ProcessId)!.Value;
        PrototypeFit.Apply(network, training, 1, TestContext.Current.CancellationToken);
        Assert.InRange(ProcessMemory.PeakResident(Environment.ProcessId)!.Value - before, 0, 2_000_000_000);
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Throws<OperationCanceledException>(() => PrototypeFit.Apply(network, training, 1, stopped.Token));
    }

    [Fact]
    public void Without_anomalies_the_page_says_so_and_scores_are_gated_by_how_close_they_are()
    {
        const long most = 4_000;
        var spec = Spec(new DataSpec { Unlabelled = Samples("a.npz", 700, 0, labelled: false) });
        var built = Built(spec with
        {
            Student = spec.Student! with { Width = StudentWidth.Auto, Budget = new StudentBudget { MaximumBytes = most } },
        });
        var report = built.Report;
        Assert.Equal(Metric.SignalToNoise.Name, report.Measure);
        Assert.Empty(report.Floors);
        Assert.Contains("There are no anomalies among the samples, so that nothing tells how many are found", report.Findings[0],
            StringComparison.Ordinal);
        Assert.Contains("how many are found was not measured", built.Page, StringComparison.Ordinal);
        var travelling = Arrays(built.Artifacts[report.ValidationSet]);
        Assert.Equal(["input", "reference.score"], travelling.Keys.Order());
        Assert.InRange(report.Student.Anomalies!.FalsePositiveRate, 0, 0.06);
        var int8 = report.Variants.Single(variant => variant.Scheme == "int8-static-u8s8");
        Assert.InRange(int8.FalsePositives!.Rate, 0, 0.06);
        // An untrained file says how large it will be, whatever its threshold and whatever techniques would add.
        Assert.InRange(int8.Artifact!.Bytes, most - 400, report.Widths!.Where(trial => trial.Fits).Max(trial => trial.Bytes));
        Assert.Contains(new GateSpec().For(ModelTask.Anomaly, int8.Scores!).Thresholds,
            limit => limit.Metric == Metric.Agreement.Name);
    }

    [Fact]
    public void Scores_that_rounding_shifts_get_their_own_threshold_back()
    {
        var built = Built(Spec(new DataSpec { Unlabelled = Samples("a.npz", 300, 0, labelled: false) }));
        var path = Path.Combine(_folder["out"], "student.onnx");
        var threshold = new OwnThreshold("fleet.anomaly.threshold", _ => 1, _ => FalsePositives.Of(null, 1, 0));
        using var student = OnnxRuntimeSession.Open(path);
        var samples = new SampleSet(Arrays(built.Artifacts[built.Report.ValidationSet])["input"].ToSingles(), [Width],
            AnomalyLabels.AllNormal(60));
        float[] Scores(Microsoft.ML.OnnxRuntime.InferenceSession session)
            => ModelOutputs.Of(session, samples.Feeds("input"), TestContext.Current.CancellationToken).Values;
        // A quarter of the threshold calls most normal samples anomalies: no ranking shows it.
        var wrong = threshold.Moved(OnnxFile.Load(path), 0.25f).Model!;
        using var shifted = OnnxRuntimeSession.Open(wrong, "shifted");
        var (before, after) = (Scores(student), Scores(shifted));
        Assert.Equal(before.Select(score => score * 4), after, (one, other) => Math.Abs(one - other) < 1e-3 * one);
        Assert.True(after.Count(AnomalyTask.IsAnomaly) > 5 + before.Count(AnomalyTask.IsAnomaly));
        using var back = OnnxRuntimeSession.Open(threshold.Moved(wrong, 4).Model!, "back");
        Assert.Equal(before.Count(AnomalyTask.IsAnomaly), Scores(back).Count(AnomalyTask.IsAnomaly));
    }

    [Theory]
    [InlineData(0.01, 0.01, 100, 0.01, false)]
    [InlineData(0.02, 0.01, 100, 0.01, false)]
    [InlineData(0.05, 0.01, 100, 0.01, true)]
    // One more of 20 says nothing.
    [InlineData(0.05, 0, 20, 0.01, false)]
    [InlineData(0.10, 0, 20, 0.01, true)]
    public void Variant_with_more_false_alarms_than_may_be_lost_is_refused(
        double rate, double original, int normal, double drop, bool refused)
        => Assert.Equal(refused, OwnThreshold.ObjectionTo(rate, original, normal, drop) is not null);

    [Fact]
    public void Interval_of_false_alarms_is_Wilsons()
    {
        var none = FalsePositives.Of(1, 100, 0);
        Assert.Equal((0, 0.0), (none.Rate, none.Low));
        Assert.Equal(0.0370, none.High, 3);
        var some = FalsePositives.Of(1, 100, 5);
        Assert.Equal((0.0215, 0.1118), (Math.Round(some.Low, 4), Math.Round(some.High, 4)));
    }

    [Fact]
    public void Threshold_is_the_score_that_the_next_normal_sample_is_above_as_often_as_asked()
    {
        float[] scores = [.. Enumerable.Range(1, 99).Select(score => (float)score)];
        Assert.Equal((99, 90, 50), (AnomalyThreshold.Of(scores, 0.01), AnomalyThreshold.Of(scores, 0.1), AnomalyThreshold.Of(scores, 0.5)));
        Assert.Equal(99, AnomalyThreshold.Of(scores, 0.001));
        Assert.Equal((99, 19), (AnomalyThreshold.SamplesFor(0.01), AnomalyThreshold.SamplesFor(0.05)));
    }
}
