using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Training;

/// <summary>Networks that predict numbers: learned in the unit of their labels, chosen by their error, exported, distilled.</summary>
public sealed class RegressionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public RegressionTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    // The frequency of a wave, told in hertz: a number that no class stands for, far from zero and one.
    private static SampleSet Waves(int count, int seed)
    {
        var random = new Random(seed);
        var inputs = new float[count * 32];
        var labels = new float[count];
        for (var sample = 0; sample < count; sample++)
        {
            var frequency = 0.2 + 0.8 * random.NextDouble();
            labels[sample] = (float)(1000 * frequency);
            var phase = 6.28 * random.NextDouble();
            for (var i = 0; i < 32; i++) inputs[sample * 32 + i] = (float)Math.Sin(phase + frequency * i);
        }
        return new SampleSet(inputs, [1, 32], new ValueLabels(labels, 1) { Unit = "Hz" });
    }

    private static readonly DataSet Data = new(Waves(768, 1), Waves(128, 2), Waves(128, 3), []) { Task = ModelTask.Regression };

    private static readonly TrainingSpec Spec = new() { Epochs = 12, BatchSize = 32, LearningRate = 1e-2 };

    private static Network Untrained(int width, int seed)
        => new(Families.Student("conv1d", width, [1, 32], Families.HeadFor(Data)), Normalization.Measure(Data.Training), seed);

    private static IReadOnlyList<EpochReport> Train(Network network, TrainingSpec spec, IObjective? objective = null)
        => TrainingLoop.Run(network, Data.Training, Data.Validation, new TrainingPhase("teacher", spec, 1, objective),
            new Progress(new IgnoredProgress(), "step", 0, 1), CancellationToken.None);

    private static double Error(Network network) => Data.Test.Labels.Score(network.Outputs(Data.Test, CancellationToken.None))[0].Value;

    [Theory]
    [InlineData(null)]
    [InlineData(1.0)]
    public void Number_that_can_be_learned_is_learned_and_told_in_its_unit(double? huberDelta)
    {
        using var network = Untrained(8, 1);
        var epochs = Train(network, Spec with { HuberDelta = huberDelta });
        Assert.Equal(("rmse", "Hz", MetricDirection.Lower),
            (epochs[0].Reached().Name, epochs[0].Reached().Unit, epochs[0].Reached().Better));
        // Whoever answers the mean is 231 Hz off.
        Assert.InRange(Error(network), 0, 60);
        Assert.InRange(CheckedExport.Write(network, _folder["m.onnx"], Data.Test), 0, 0.1);
    }

    [Fact]
    public void Epoch_of_the_smallest_error_is_kept()
    {
        using var network = Untrained(4, 1);
        // So large a rate makes epochs that are worse than the one before.
        var epochs = Train(network, Spec with { Epochs = 6, LearningRate = 0.3 });
        var kept = Data.Validation.Labels.Score(network.Outputs(Data.Validation, CancellationToken.None))[0].Value;
        Assert.Equal(epochs.Min(epoch => epoch.Reached().Value), kept, 1e-3);
        Assert.NotEqual(epochs.Max(epoch => epoch.Reached().Value), kept, 1e-3);
    }

    [Fact]
    public void Student_learns_from_a_teacher_alone()
    {
        using var trained = Untrained(12, 7);
        Train(trained, Spec);
        CheckedExport.Write(trained, _folder["teacher.onnx"], Data.Test);
        using var teacher = new OnnxTeacher(_folder["teacher.onnx"], [1, 32], 1);
        var distillation = new DistillationSpec
        {
            Losses = [
                new LossSpec { Loss = "output" },
                new LossSpec { Loss = "relation", Weight = 0.01, Pairs = [new FeaturePairSpec { Teacher = "layer6", Student = "layer6" }] },
            ],
            Labels = 0,
            Training = Spec,
        };
        using var student = Untrained(6, 2);
        using var answers = new TeacherOutputs(teacher, Data.Training, LossSum.TeacherFeatures(distillation, Data.Training.Labels),
            Augmentation.Of(Spec, Data.Training, 1), 1, _folder["outputs"]);
        using var losses = new LossSum(distillation, student.Plan.Features(), answers.Features, 1, Data.Training.Labels, 1, CPU);
        Train(student, Spec, new TeacherObjective(answers, losses));
        Assert.InRange(Error(student), 0, Error(trained) + 40);
    }

    [Fact]
    public void Output_loss_counts_in_deviations_of_the_labels()
    {
        using var loss = new OutputLoss(new LossSetup(new LossSpec { Loss = "output" }, [], new ValueLabels([0, 20, 0, 20], 1), 1));
        using var scope = NewDisposeScope();
        // Labels deviate by 10: a difference of 5 is half a deviation.
        Assert.Equal(0.25, loss.Of(new LossInputs(tensor(new float[] { 5, 5 }, [2, 1]), zeros(2, 1), zeros(2, 1))).ToDouble(), 6);
    }

    [Fact]
    public void Sensors_of_unlike_scale_are_scaled_by_an_operator_of_their_own()
    {
        var random = new Random(1);
        float[] inputs = [
            .. Enumerable.Range(0, 64)
                .SelectMany(_ => Enumerable.Range(0, 32)
                    .Select(i => (float)(i < 16 ? 9000 + 50 * random.NextDouble() : 0.01 * random.NextDouble()))),
        ];
        var samples = new SampleSet(inputs, [2, 16], new ValueLabels(new float[64], 1));
        var normalization = Normalization.Measure(samples);
        Assert.True(normalization.ScalesApart);
        var plan = Families.Student("conv1d", 4, [2, 16], new Regressor([50], [10]));
        using var network = new Network(plan, normalization, 1);
        Assert.InRange(CheckedExport.Write(network, _folder["m.onnx"], samples), 0, 1e-2);
        var nodes = Fleet.Quantization.Onnx.OnnxFile.Load(_folder["m.onnx"]).Graph.Node.Select(node => node.OpType);
        Assert.Equal(["Sub", "Mul", "Conv"], nodes.Take(3));
    }

    [Fact]
    public void Build_of_a_regression_is_judged_gated_and_reported_by_its_error()
    {
        var training = Waves(400, 4);
        using (var file = File.Create(_folder["data.npz"]))
            NpzArchive.Write(file, [new("x", NpyArray.Of(training.Inputs, 400, 1, 32)), .. training.Labels.ToArrays()]);
        var spec = new BuildSpec
        {
            Model = "waves",
            Data = new DataSpec { Kind = "npz", Train = _folder["data.npz"], Task = ModelTask.Regression, LabelUnit = "Hz" },
            Teacher = new TeacherSpec { Family = "conv1d", Width = 8, Training = Spec with { Epochs = 3 } },
            Student = new StudentSpec { Family = "conv1d", Width = 4 },
            Distillation = new DistillationSpec { Training = Spec with { Epochs = 3 } },
            Quantization = new QuantizationSpec { CalibrationSamples = 32, Profiles = ["x64"] },
            QuantizationAware = new QuantizationAwareSpec { Method = "qat", Epochs = 1 },
        };
        var report = new Build(TimeProvider.System).Run(spec, _folder["build"], new IgnoredProgress(), CancellationToken.None).Report;
        Assert.Equal(ModelTask.Regression, report.Task);
        Assert.Equal("values", Assert.Single(report.Outputs).Name);
        Assert.All(new[] { report.Teacher!.Scores, report.Student.Scores }, scores => Assert.Equal("Hz", scores.Find("rmse")!.Unit));
        var variant = report.Variants.First(variant => variant.Accepted && variant.Scheme != "fp32");
        var error = variant.Scores!.Find("rmse")!.Value;
        Assert.InRange(error, 0.5 * report.Student.Scores.Find("rmse")!.Value, 2 * report.Student.Scores.Find("rmse")!.Value);
        Assert.Equal(error * 1.02,
            spec.Gate.For(ModelTask.Regression, variant.Scores).Thresholds.Single(threshold => threshold.Metric == "rmse").Maximum!.Value,
            1e-6 * error);
    }
}
