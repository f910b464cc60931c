using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Distillation;

public sealed class CrossValidationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CrossValidationTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static IReadOnlyList<EpochReport> Curve(Metric metric, params double[] values)
        => [.. values.Select((value, epoch) => new EpochReport("student", epoch + 1, 1, MetricValue.Of(metric, value)))];

    [Fact]
    public void Epoch_is_the_best_on_average_and_of_equal_ones_the_last()
    {
        var chosen = CrossValidation.Chosen("student", [
            Curve(Metric.Accuracy, 0.5, 1, 0.7, 0.9), Curve(Metric.Accuracy, 0.5, 0.6, 0.9, 0.6), Curve(Metric.Accuracy, 0, 0.5, 0.5, 0.6),
        ]);
        Assert.Equal((4, 4), (chosen.StopAfter, chosen.Epochs));
        Assert.Equal(0.7, chosen.HeldOut.Value, 12);
        // Of 0.9, 0.6 and 0.6: the square root of (0.04 + 0.01 + 0.01) / 2.
        Assert.Equal(Math.Sqrt(0.03), chosen.Deviation, 12);
        Assert.Equal([0.9, 0.6, 0.6], chosen.OfFolds.Select(fold => fold.Value));
        Assert.Contains("the student ends after 4 of 4 epochs, accuracy 0.7", chosen.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_are_better_when_they_are_small()
        => Assert.Equal(2, CrossValidation.Chosen("student", [
            Curve(Metric.RootMeanSquareError, 3, 1, 2), Curve(Metric.RootMeanSquareError, 3, 2, 2),
        ]).StopAfter);

    // Slow and fast tones in noise.
    private BuildSpec Tones(int folds, bool withGroups = false)
    {
        var random = new Random(3);
        var (inputs, labels) = (new float[48 * 32], new long[48]);
        for (var sample = 0; sample < 48; sample++)
        {
            labels[sample] = sample % 2;
            for (var i = 0; i < 32; i++)
                inputs[sample * 32 + i] = MathF.Sin(random.NextSingle() * 0.5f + i * (sample % 2 == 0 ? 0.3f : 0.6f)) + random.NextSingle();
        }
        using (var file = File.Create(_folder["tones.npz"]))
            NpzArchive.Write(file, [
                new("inputs", NpyArray.Of(inputs, 48, 1, 32)), new("labels", NpyArray.Of(labels, 48)),
                .. withGroups ? [new("groups", NpyArray.Of([.. Enumerable.Range(0, 48).Select(i => i / 12L)], 48))]
                    : Array.Empty<KeyValuePair<string, NpyArray>>(),
            ]);
        var training = new TrainingSpec { Epochs = 4, BatchSize = 8, Augment = false };
        return new BuildSpec
        {
            Model = "tones",
            Data = new DataSpec { Kind = "npz", Train = _folder["tones.npz"], Folds = folds },
            Teacher = new TeacherSpec { Family = "conv1d", Width = 4, Training = training },
            Student = new StudentSpec { Family = "conv1d", Width = 4 },
            Distillation = new DistillationSpec { Training = training },
        };
    }

    private CrossValidationReport Run(
        BuildSpec spec, DataSet data, IProgress<BuildProgress> progress, CancellationToken cancellationToken = default)
        => new CrossValidation(spec, data, Normalization.Measure(data.Training), BuildMemory.Open(_folder.Path, spec, data))
            .Run(progress, cancellationToken);

    [Fact]
    public void Teacher_and_student_are_trained_without_each_fold_and_stop_where_folds_did_best()
    {
        var spec = Tones(3);
        var data = DataSets.Load(spec.Data!, 2, spec.Seed);
        Assert.Equal(0, data.Validation.Count);
        var steps = new List<string>();
        var found = Run(spec, data, new Heard(steps));
        Assert.Equal((3, 6), (found.Folds, found.Trainings));
        Assert.Equal(["teacher", "student"], found.Networks.Select(network => network.Network));
        Assert.All(found.Networks, network => Assert.Equal(3, network.OfFolds.Count));
        Assert.Contains(steps, step => step.StartsWith("Fold 2 of 3, training the teacher", StringComparison.Ordinal));
        Assert.Contains(steps, step => step.StartsWith("Fold 3 of 3, distilling the student", StringComparison.Ordinal));
        var stopped = CrossValidation.With(spec, found);
        Assert.Equal(found.Networks[0].StopAfter, stopped.Teacher!.Training.StopAfter);
        Assert.Equal(found.Networks[1].StopAfter, stopped.Distillation.Training.StopAfter);
        // What a fold finished is not trained again.
        steps.Clear();
        Assert.Equal(found.Networks[1].OfFolds, Run(spec, data, new Heard(steps)).Networks[1].OfFolds);
        Assert.Empty(steps);
    }

    [Fact]
    public void Training_that_stops_after_some_epochs_is_as_far_as_a_whole_one_was_then()
    {
        var spec = Tones(3);
        var data = DataSets.Load(spec.Data!, 2, spec.Seed);
        IReadOnlyList<EpochReport> Of(int? stopAfter)
        {
            using var network = new Network(StudentTraining.PlanOf(spec, data), Normalization.Measure(data.Training), 1);
            return TrainingLoop.Run(network, data.Training, data.Test,
                new TrainingPhase("labels", spec.Distillation.Training with { StopAfter = stopAfter }, 1),
                new Fleet.Quantization.Progress(new IgnoredProgress(), "step", 0, 1), CancellationToken.None);
        }
        var (whole, part) = (Of(null), Of(2));
        Assert.Equal(4, whole.Count);
        Assert.Equal(whole.Take(2), part);
    }

    [Fact]
    public void More_folds_than_groups_are_refused()
    {
        var spec = Tones(5, withGroups: true);
        var data = DataSets.Load(spec.Data!, 2, spec.Seed);
        var refused = Assert.Throws<BuildException>(() => Run(spec, data, new IgnoredProgress()));
        Assert.Contains("data.folds 5 is more than the 3 groups of samples", refused.Message, StringComparison.Ordinal);
    }

    private sealed class Heard(List<string> steps) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) => steps.Add(value.Step);
    }
}
