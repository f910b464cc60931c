using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Search;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Search;

/// <summary>How long networks of tables are trained is decided by samples held out of the training ones.</summary>
public sealed class CourseTrialsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CourseTrialsTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    [Theory]
    // The loss of every other sample is lower by so much at three and at ten times the steps.
    [InlineData(0.2, 0.3, 10)]
    [InlineData(0.3, 0.2, 3)]
    [InlineData(0.0, 0.0, 1)]
    [InlineData(-0.1, -0.2, 1)]
    public void Longer_course_is_taken_where_held_out_samples_are_better_by_more_than_chance(double three, double ten, int length)
    {
        var spec = Spec();
        var trials = Run(spec, Kept(spec, [0, three, ten]));
        // What is worse beyond chance is not trained for longer still.
        Assert.Equal(three < 0 ? [1, 3] : [1, 3, 10], trials.Select(trial => trial.Length));
        Assert.Equal(length, Assert.Single(trials, trial => trial.Used).Length);
        var found = CourseTrials.With(spec, Data, trials);
        var usual = Course.Of(new TrainingSpec(), Data.Training.Count).Epochs;
        foreach (var training in (TrainingSpec[])[found.Distillation.Training, found.Teacher!.Training])
        {
            Assert.Equal(length == 1 ? null : length * usual, training.Epochs);
            Assert.Equal(length == 1 ? 0.002 : 0.006, training.LearningRate, 9);
        }
    }

    [Fact]
    public void Longer_course_by_chance_is_not_taken()
    {
        // One sample of forty is far better, which is as likely as not.
        var spec = Spec();
        var memory = Kept(spec, [0, 0, 0]);
        var losses = Enumerable.Repeat(0.5, Samples).ToArray();
        losses[0] = 0.1;
        memory.Finish("course-3", Result(losses));
        Assert.Equal(1, Assert.Single(Run(spec, memory), trial => trial.Used).Length);
    }

    [Fact]
    public void Course_that_the_spec_says_is_left_alone()
    {
        var spec = Spec();
        Assert.Empty(Run(With(spec, new TrainingSpec { Epochs = 5 }), Kept(spec, [0, 1, 1])));
        Assert.Empty(Run(With(spec, new TrainingSpec { LearningRate = 1e-3 }), Kept(spec, [0, 1, 1])));
        var own = spec with { Teacher = spec.Teacher! with { Training = new TrainingSpec { Epochs = 4 } } };
        Assert.Equal(4, CourseTrials.With(own, Data, Run(own, Kept(own, [0, 0.2, 0.3]))).Teacher!.Training.Epochs);
    }

    [Fact]
    public void Samples_of_one_machine_leave_none_to_judge_by()
    {
        var spec = Spec();
        var data = new DataSet(Rows(Samples, origins: 1), Rows(Samples).Take(0), Rows(Samples), ["no", "yes"]);
        Assert.Empty(Run(spec, BuildMemory.Open(_folder.Path, spec, data), data));
    }

    private const int Samples = 40;

    private static readonly DataSet Data = new(Rows(Samples), Rows(Samples).Take(0), Rows(Samples), ["no", "yes"]);

    private static BuildSpec Spec() => new()
    {
        Model = "rows",
        Data = new DataSpec { Kind = "csv", Train = "rows.csv" },
        Teacher = new TeacherSpec { Family = "mlp" },
        Student = new StudentSpec { Family = "mlp", Width = 4 },
    };

    private static BuildSpec With(BuildSpec spec, TrainingSpec training)
        => spec with { Distillation = spec.Distillation with { Training = training } };

    // What was finished is not trained again: a choice is made of what is kept.
    private BuildMemory Kept(BuildSpec spec, double[] gains)
    {
        var memory = BuildMemory.Open(_folder.Path, spec, Data);
        foreach (var (gain, length) in gains.Zip((int[])[1, 3, 10]))
            memory.Finish($"course-{length}", Result([.. Enumerable.Range(0, Samples).Select(sample => 0.5 - sample % 2 * gain)]));
        return memory;
    }

    private static CandidateResult Result(double[] losses) => new(
        new SearchRung(1, 1_000, 3, MetricValue.Of(Metric.Accuracy, 0.5), 0.1, losses.Average(), 1), losses);

    private static IReadOnlyList<CourseTrial> Run(BuildSpec spec, BuildMemory memory, DataSet? data = null) => CourseTrials.Run(
        spec, Families.Student("mlp", 4, [3], new Classifier(2), 0, null), data ?? Data, Normalization.Measure(Data.Training), memory,
        Progress.Unheard, TestContext.Current.CancellationToken);

    private static SampleSet Rows(int count, int? origins = null)
    {
        var random = new Random(1);
        return new SampleSet([.. Enumerable.Range(0, 3 * count).Select(_ => random.NextSingle())], [3],
            [.. Enumerable.Range(0, count).Select(sample => (long)(sample % 2))])
        {
            Origins = origins is { } machines ? [.. Enumerable.Range(0, count).Select(sample => sample % machines)] : null,
        };
    }
}
