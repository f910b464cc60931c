using System.Text.Json.Nodes;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Modeling.Search;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Search;

/// <summary>The search for a student of family <c>auto</c>, on small series.</summary>
public sealed class StudentSearchTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public StudentSearchTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    /// <summary>A burst, slow or fast, anywhere in 48 values: an order that a convolution sees and a sum of places does not.</summary>
    private BuildSpec Bursts(StudentBudget budget, double minutes = 2.5, int? machines = null)
    {
        var random = new Random(4);
        var (inputs, labels) = (new float[60 * 48], new long[60]);
        for (var sample = 0; sample < 60; sample++)
        {
            labels[sample] = sample % 2;
            for (var i = 0; i < 48; i++) inputs[sample * 48 + i] = 0.3f * random.NextSingle();
            var at = random.Next(36);
            for (var i = 0; i < 12; i++) inputs[sample * 48 + at + i] += MathF.Sin(i * (labels[sample] == 1 ? 1.4f : 0.5f));
        }
        return Spec("bursts", NpyArray.Of(inputs, 60, 1, 48), labels, budget, minutes, machines);
    }

    private BuildSpec Spec(
        string model, NpyArray inputs, long[] labels, StudentBudget budget, double minutes, int? machines = null)
    {
        var arrays = new List<KeyValuePair<string, NpyArray>>
        {
            new("inputs", inputs), new("labels", NpyArray.Of(labels, labels.Length)),
        };
        if (machines is { } count)
        {
            long[] groups = [.. Enumerable.Range(0, labels.Length).Select(sample => (long)(sample * count / labels.Length))];
            arrays.Add(new("groups", NpyArray.Of(groups, groups.Length)));
        }
        using (var file = File.Create(_folder[model + ".npz"])) NpzArchive.Write(file, arrays);
        return new BuildSpec
        {
            Model = model,
            Data = new DataSpec { Kind = "npz", Train = _folder[model + ".npz"] },
            Teacher = new TeacherSpec { Family = "auto" },
            Student = new StudentSpec { Family = "auto", Budget = budget, Minutes = minutes },
            Distillation = new DistillationSpec { Training = new TrainingSpec { Epochs = 24, BatchSize = 8 } },
        };
    }

    private SearchReport Search(
        BuildSpec spec, IProgress<BuildProgress>? progress = null, DeviceTimer? timer = null, CancellationToken cancellationToken = default)
    {
        var data = DataSets.Load(spec.Data!, null, spec.Seed);
        return new StudentSearch(spec, data, [BuiltInProfiles.X64], _folder.Path, BuildMemory.Open(_folder.Path, spec, data), timer)
            .Run(progress ?? new IgnoredProgress(), cancellationToken);
    }

    private sealed class Stop(CancellationTokenSource source, string at) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value)
        {
            if (value.Step.Contains(at, StringComparison.Ordinal)) source.Cancel();
        }
    }

    [Fact]
    public void Best_of_what_fits_is_found_and_a_stopped_search_runs_no_finished_trial_again()
    {
        var spec = Bursts(new StudentBudget { MaximumBytes = 12_000 });
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Search(spec, new Stop(stop, "round 2"), cancellationToken: stop.Token));
        string[] Trials() => Directory.GetFiles(Path.Combine(_folder.Path, "unfinished"), "search-*x*-*.json");
        var finished = Trials().ToDictionary(file => file, File.ReadAllText);
        Assert.NotEmpty(finished);

        var found = Search(spec);
        // Processor time would differ: a trial that ran again would show.
        Assert.All(finished, trial => Assert.Equal(trial.Value, File.ReadAllText(trial.Key)));
        Assert.True(Trials().Length > finished.Count);
        Assert.Equal(found.Trials.Sum(trial => trial.ProcessorSeconds), found.ProcessorSeconds, tolerance: 1e-6);

        var chosen = Assert.Single(found.Trials, trial => trial.Chosen);
        Assert.Same(found.Trials[0], chosen);
        // Whichever family it is, it is the best of those that were trained to the end; what it learns from was tried with it alone.
        Assert.Contains(chosen.Family, new[] { "conv1d", "conv1d-residual", "tcn", "gru", "random-kernels" });
        SearchTrial[] taught = [.. found.Trials.Where(trial => trial is { LearnsFrom: not null, WeightBits: null })];
        // The usual one and the labels alone at least; the others where a busy machine leaves time.
        string[] lessonNames = ["0.7 teacher at temperature 4", "0.9 teacher at temperature 4", "0.7 teacher at temperature 1"];
        Assert.Equal(lessonNames.Take(taught.Length).Order(), taught.Select(trial => trial.LearnsFrom).Order());
        Assert.All(taught, trial => Assert.Equal(
            (chosen.Name, chosen.LearningRate, chosen.Augmentation), (trial.Name, trial.LearningRate, trial.Augmentation)));
        var labels = found.Trials.Where(trial => trial is { LearnsFrom: null, WeightBits: null }).ToArray();
        var alone = Assert.Single(labels,
            trial => (trial.Name, trial.LearningRate, trial.Augmentation) == (chosen.Name, chosen.LearningRate, chosen.Augmentation));
        Assert.Contains(taught[0].Rungs[^1].Steps, alone.Rungs.Select(rung => rung.Steps));
        var usual = taught.Single(trial => trial.LearnsFrom == "0.7 teacher at temperature 4");
        double LossOf(SearchTrial trial) => trial.Rungs.Last(rung => rung.Steps == usual.Rungs[^1].Steps).Loss;
        Assert.True(chosen == usual || LossOf(chosen) < LossOf(usual), $"{chosen} and not {usual}");
        var built = found.Found;
        Assert.Equal(chosen.LearnsFrom, built.Teacher!.IsNone ? null
            : FormattableString.Invariant($"{built.Distillation.Alpha} teacher at temperature {built.Distillation.Temperature}"));
        Assert.All(found.Trials, trial => Assert.InRange(trial.Bytes, 1, 12_000));
        Assert.Contains(found.Trials, trial => trial.Family == "mlp");
        // The largest that fits was really trained: a wider one would be too large.
        Assert.NotEmpty(found.Trials.Where(trial => trial.Family == "conv1d").MaxBy(trial => trial.Width)!.Rungs);
        Assert.Empty(BuildSpecRules.ProblemsOf(found.Found));
        Assert.Equal((chosen.Family, chosen.Width), (found.Found.Student!.Family, found.Found.Student.Width.Value));
        Assert.Contains(found.Found.Teacher!.Family, new[] { chosen.Family, TeacherSpec.None });
        Assert.NotNull(found.Found.Distillation.Training.Augment);

        // What there was time for stands when the process is started again, whatever is timed then.
        var kept = Path.Combine(_folder.Path, "unfinished", "lessons.json");
        var lessons = JsonNode.Parse(File.ReadAllText(kept))!;
        Assert.Equal(taught.Length + 1, (int)lessons["Count"]!);
        lessons["Count"] = 2;
        File.WriteAllText(kept, lessons.ToJsonString());
        Assert.Equal("0.7 teacher at temperature 4",
            Assert.Single(Search(spec).Trials, trial => trial is { LearnsFrom: not null, WeightBits: null }).LearnsFrom);
    }

    [Fact]
    public void Nobody_teaches_only_where_nothing_asks_for_a_teacher()
    {
        var spec = Bursts(new StudentBudget { MaximumBytes = 4_000 });
        Assert.True(StudentSearch.MayTeachNobody(spec));
        Assert.True(StudentSearch.MayTeachNobody(spec with { Distillation = spec.Distillation with { Generations = 1 } }));
        Assert.All([
            spec with { Teacher = new TeacherSpec { Family = "mlp" } },
            spec with { Teacher = spec.Teacher! with { Assistant = 32 } },
            spec with { Distillation = spec.Distillation with { Generations = 3 } },
            spec with { Distillation = spec.Distillation with { CompareWithLabels = true } },
            spec with { Gate = new GateSpec { BelowTeacher = 0.02 } },
        ], asking => Assert.False(StudentSearch.MayTeachNobody(asking)));
    }

    [Fact]
    public void What_keeps_lessons_from_being_tried_is_said_as_it_is()
    {
        var spec = Bursts(new StudentBudget { MaximumBytes = 12_000 }, minutes: 0.001, machines: 3);
        Assert.Contains("What the student learns from was not tried: it takes 3 groups of samples to hold some out that a teacher has not "
            + "seen, and there are 2.", Search(spec).Notes);
    }

    /// <summary>A chess board of two numbers, of which a wider network learns more.</summary>
    [Fact]
    public void Wider_student_in_4_bits_is_tried_where_8_bits_have_no_room()
    {
        var random = new Random(5);
        var (inputs, labels) = (new float[900 * 2], new long[900]);
        for (var i = 0; i < inputs.Length; i++) inputs[i] = 4 * random.NextSingle();
        for (var i = 0; i < labels.Length; i++) labels[i] = ((int)inputs[2 * i] + (int)inputs[2 * i + 1]) % 2;
        var spec = Spec("board", NpyArray.Of(inputs, 900, 2), labels, new StudentBudget { MaximumBytes = 4_000 }, minutes: 4);
        var found = Search(spec with
        {
            Teacher = new TeacherSpec { Family = TeacherSpec.None },
            Distillation = new DistillationSpec { Training = new TrainingSpec { Epochs = 40, BatchSize = 16, LearningRate = 0.01 } },
        });
        var few = found.Trials.Single(trial => trial.WeightBits == 4);
        var many = found.Trials.Single(trial => trial.WeightBits == 8);
        Assert.Equal((few.Family, few.Depth, few.Rungs[0].Steps), (many.Family, many.Depth, many.Rungs[0].Steps));
        Assert.True(few.Width > many.Width, $"{few.Width} and {many.Width}");
        Assert.InRange(few.Bytes, 1, 4_000);
        Assert.Equal(few.Chosen, found.Found.QuantizationAware is { WeightBits: 4, ActivationBits: 8, Method: "qat" });
        Assert.Equal(few.Chosen ? few.Width : many.Width, found.Found.Student!.Width.Value);
        Assert.True(!few.Chosen || few.Rungs[0].Loss < many.Rungs[0].Loss, $"{few.Rungs[0]} and {many.Rungs[0]}");
        Assert.Empty(BuildSpecRules.ProblemsOf(found.Found));
    }

    [Fact]
    public void Operation_on_pictures_is_tried_in_the_last_round()
    {
        var random = new Random(6);
        var (inputs, labels) = (new float[60 * 64], new long[60]);
        for (var sample = 0; sample < 60; sample++)
        {
            labels[sample] = sample % 2;
            var at = random.Next(8);
            for (var i = 0; i < 8; i++) inputs[sample * 64 + (labels[sample] == 0 ? at * 8 + i : i * 8 + at)] = 1;
        }
        var spec = Spec("bars", NpyArray.Of(inputs, 60, 1, 8, 8), labels, new StudentBudget { MaximumBytes = 6_000 }, minutes: 1);
        var found = Search(spec with { Teacher = new TeacherSpec { Family = TeacherSpec.None } });
        var chosen = found.Trials[0];
        Assert.StartsWith("cnn", chosen.Family, StringComparison.Ordinal);
        var varied = found.Trials.Single(trial => trial.Augmentation!.EndsWith("an operation", StringComparison.Ordinal));
        var last = found.Trials.Where(trial => trial.WeightBits is null && trial.Rungs.Count > 0).Max(trial => trial.Rungs[^1].Number);
        Assert.Equal(last, varied.Rungs[0].Number);
        Assert.Equal(varied.Chosen ? 1 : null, found.Found.Distillation.Training.Operations);
    }

    [Fact]
    public void Time_that_runs_short_leaves_candidates_out_and_says_so()
    {
        var budget = new StudentBudget { MaximumBytes = 12_000, MaximumLatencyP95 = TimeSpan.FromSeconds(10), Device = "desk-1" };
        var latency = LatencySummary.OfMilliseconds(0.2, 0.3, 0.4);
        var found = Search(
            Bursts(budget, minutes: 0.001) with { Quantization = new QuantizationSpec { Profiles = ["x64"] } },
            timer: (files, _) => new TimingView(true, [
                .. files.Select(file => new ReportedTiming("build", file.File.Model.Sha256, latency, TimeSpan.FromMilliseconds(1))),
            ]));
        // What is built is held to all of the budget, which stays the device's time however much that is here.
        Assert.Equal(budget, found.Found.Student!.Budget);
        Assert.True(found.DeviceFactor > 0 && found.DeviceFactor != 1, $"{found.DeviceFactor}");
        Assert.Contains(found.Trials, trial => trial.Timed?.Latency == latency);
        Assert.Empty(BuildSpecRules.ProblemsOf(found.Found));
        Assert.Contains(found.Notes, note => note.Contains("student.minutes leaves no time for more", StringComparison.Ordinal));
        Assert.Single(found.Trials, trial => trial.Chosen);
        Assert.Contains(found.Notes, note => note.StartsWith("What the student learns from was not tried", StringComparison.Ordinal));
    }

    [Theory]
    // Time enough, half of it, and hardly any: of each training the same share, and at least one epoch.
    [InlineData(200, 10, 20)]
    [InlineData(100, 10, 20)]
    [InlineData(50, 5, 10)]
    [InlineData(1, 1, 1)]
    public void Trainings_behind_a_search_are_shortened_to_the_time_there_is(double available, int student, int teacher)
        => Assert.Equal([student, teacher], FinalCourse.Epochs([(10, 2), (20, 4)], available));

    [Fact]
    public void Search_leaves_time_for_what_is_trained_behind_it()
    {
        Assert.Equal(168, FinalCourse.SearchSeconds(420), 6);
        Assert.Equal(189 + 68, FinalCourse.TrainingSeconds(420, spent: 100), 6);
        Assert.Equal(3, FinalCourse.SearchSeconds(3), 6);
        // A course of a hundred thousand epochs does not fit a minute; what is left of it is in the spec that was found.
        var spec = Bursts(new StudentBudget { MaximumBytes = 4_000 }, minutes: 0.1);
        var found = Search(spec with
        {
            Distillation = spec.Distillation with { Training = spec.Distillation.Training with { BatchSize = 8 } },
            Teacher = spec.Teacher! with { Training = new TrainingSpec { Epochs = 100_000 } },
        });
        Assert.Contains(found.Notes, note => note.StartsWith("To hold 0.1 minutes the student is trained for ", StringComparison.Ordinal));
        Assert.InRange(found.Found.Teacher!.Training.Epochs!.Value, 1, 50_000);
    }

    [Fact]
    public void Budget_that_nothing_meets_is_refused_with_what_each_family_needs()
    {
        var failure = Assert.Throws<BuildException>(() => Search(Bursts(new StudentBudget { MaximumBytes = 512 })));
        Assert.Contains("No family meets student.budget.", failure.Message, StringComparison.Ordinal);
        Assert.Contains("conv1d was left out", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Budget_that_features_alone_exceed_is_refused_with_what_makes_them_smaller()
    {
        var spec = Bursts(new StudentBudget { MaximumBytes = 2_000 });
        var failure = Assert.Throws<BuildException>(() => Search(spec with
        {
            Data = spec.Data! with { Kind = "vibration", Train = null, Samples = 300, Features = new FeatureSpec { SampleRate = 8192 } },
        }));
        Assert.Matches("About [0-9]{2},[0-9]{3} bytes of each file make the features of data.features: fewer mels", failure.Message);
    }

    [Theory]
    [InlineData(new[] { 4 }, "linear mlp")]
    [InlineData(new[] { 64 }, "linear conv1d conv1d-residual tcn gru random-kernels mlp")]
    [InlineData(new[] { 3, 64 }, "conv1d conv1d-residual tcn gru random-kernels mlp")]
    [InlineData(new[] { 2, 1024 }, "conv1d conv1d-residual tcn random-kernels mlp")]
    [InlineData(new[] { 28, 28 }, "cnn cnn-separable cnn-residual conv1d conv1d-residual tcn gru random-kernels mlp")]
    [InlineData(new[] { 3, 16, 16 }, "cnn cnn-separable cnn-residual mlp")]
    public void Families_are_those_that_take_the_shape(int[] shape, string families)
    {
        var samples = new SampleSet(new float[shape.Aggregate(1, (product, extent) => product * extent)], shape, new long[1]);
        var data = new DataSet(samples, samples, samples, ["a"]);
        Assert.Equal(families.Split(' '), SearchSpace.FamiliesFor(data));
        Assert.Equal(families.Split(' ').Where(family => family != "gru"), SearchSpace.FamiliesFor(data, onGrid: true));
    }
}
