using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Report;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Seeds;

/// <summary>Builds of several seeds, on few samples.</summary>
public sealed class SeedBuildTests : IDisposable
{
    private static readonly TrainingSpec Short = new() { Epochs = 30, BatchSize = 8, Augment = false, LearningRate = 1e-2 };

    private readonly TemporaryFolder _folder = new();

    public SeedBuildTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_seed_is_what_a_build_of_it_trains_and_one_that_was_stopped_goes_on()
    {
        var spec = Spec(apart: 4) with { Seeds = 3 };
        using (var stop = new CancellationTokenSource())
        {
            var (heard, answered) = (new List<string>(), false);
            Assert.Throws<OperationCanceledException>(() => new Build(TimeProvider.System).Run(spec, _folder["out"], new Hearing(step =>
            {
                heard.Add(step);
                answered |= Directory.Exists(_folder["out", "seeds", "seed-6", "teacher-outputs"]);
                if (step.StartsWith("Seed 3 of 3, distilling", StringComparison.Ordinal)) stop.Cancel();
            }), stop.Token));
            Assert.Contains(heard, step => step.StartsWith("Seed 2 of 3, distilling", StringComparison.Ordinal));
            // Answers of a teacher are let go of with the seed that learned from them.
            Assert.True(answered);
            Assert.False(Directory.Exists(_folder["out", "seeds", "seed-6", "teacher-outputs"]));
        }
        // Figures that are known are read: a student that nobody can open is not missed.
        var student = _folder["out", "seeds", "seed-6", "student.onnx"];
        Assert.True(File.Exists(student));
        File.WriteAllText(student, "");
        var steps = new List<string>();
        var built = new Build(TimeProvider.System).Run(spec, _folder["out"], new Hearing(steps.Add), CancellationToken.None).Report;
        Assert.DoesNotContain(steps, step => step.StartsWith("Seed 2 of 3, distilling", StringComparison.Ordinal));
        Assert.False(Directory.Exists(_folder["out", "seeds"]));

        var seeds = built.Seeds!;
        Assert.True(seeds.CutsTest);
        Assert.Equal([5, 6, 7], seeds.Each.Select(seed => seed.Seed));
        Assert.Equal(built.Student.Scores.Metrics[0], seeds.Each[0].Student);
        Assert.Equal(["teacher", "student", "labels-alone", "constant"], seeds.Networks.Select(one => one.Name));
        Assert.Equal(["labels-alone", "constant"], seeds.Gains.Select(one => one.Name));
        Assert.Equal(seeds.Each.Average(seed => seed.Student.Value), seeds.Networks[1].Mean.Value, 9);
        Assert.Equal(spec.Student, built.Spec.Student);
        Assert.Equal(3, built.Spec.Seeds);

        var alone = new Build(TimeProvider.System).Run(
            spec with { Seed = 6, Seeds = null }, _folder["alone"], new Hearing(_ => { }), CancellationToken.None).Report;
        Assert.Equal(alone.Student.Scores.Metrics[0], seeds.Each[1].Student);
        Assert.Equal(alone.Teacher!.Scores.Metrics[0], seeds.Each[1].Teacher);
        Assert.Equal(alone.Floors.Single(floor => floor.Name == FloorReport.LabelsAlone).Scores.Metrics[0], seeds.Each[1].LabelsAlone);
        Assert.Null(alone.Seeds);
    }

    /// <summary>On five test samples not even a model without an error would be told from chance.</summary>
    [Fact]
    public void What_five_samples_are_too_few_for_is_told_by_seeds_with_samples_of_their_own()
    {
        var spec = Spec(apart: 8, samples: 25) with
        {
            Teacher = new TeacherSpec { Family = TeacherSpec.None },
            Distillation = new DistillationSpec { Training = Short with { Epochs = 150 } },
        };
        var refused = Assert.Throws<BuildException>(() => Run(spec));
        Assert.StartsWith("On 5 test samples even a model without an error could not be told from always ", refused.Message,
            StringComparison.Ordinal);
        Assert.Contains("or seeds 5, which trains five times, tests on other samples each time and judges by all", refused.Message,
            StringComparison.Ordinal);
        var report = Run(spec with { Seeds = 8 });
        Assert.Contains(report.Findings, finding => finding.StartsWith(
            "The student of seed 5 is not told by its own 5 test samples to be better than always ", StringComparison.Ordinal));
        Assert.Contains(report.Variants, variant => variant is { Accepted: true, Scheme: not "fp32" });
        Assert.Contains("<section data-seeds>", ReportPage.Render(report), StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_by_chance_are_refused_by_all_seeds_together()
    {
        var refused = Assert.Throws<BuildException>(
            () => Run(Spec(apart: 0) with { Teacher = new TeacherSpec { Family = TeacherSpec.None }, Seeds = 4 }));
        Assert.StartsWith("The student ", refused.Message, StringComparison.Ordinal);
        Assert.Contains("by 4 seeds with test samples of their own it is better by ", refused.Message, StringComparison.Ordinal);
    }

    private BuildReport Run(BuildSpec spec) => new Build(TimeProvider.System).Run(
        spec, _folder[$"out-{spec.Seeds}"], new Hearing(_ => { }), CancellationToken.None).Report;

    /// <summary>Two classes, in one of four numbers apart by so many deviations.</summary>
    private BuildSpec Spec(double apart, int samples = 50)
    {
        var random = new Random(3);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        using (var file = File.Create(_folder["data.npz"]))
            NpzArchive.Write(file, [
                new("inputs", NpyArray.Of([
                    .. Enumerable.Range(0, samples * 4).Select(i => (float)(Normal() + (i % 4 == 0 ? apart * (i / 4 % 2 - 0.5) : 0))),
                ], [samples, 4])),
                new("labels", NpyArray.Of([.. Enumerable.Range(0, samples).Select(i => i % 2L)], samples)),
            ]);
        return new BuildSpec
        {
            Model = "seeds",
            Seed = 5,
            Data = new DataSpec { Kind = "npz", Train = _folder["data.npz"] },
            Teacher = new TeacherSpec { Family = "mlp", Width = 16, Members = 1, Training = Short },
            Student = new StudentSpec { Family = "mlp", Width = 8 },
            Distillation = new DistillationSpec { Training = Short },
            Quantization = new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-static-u8s8"], MaximumDrop = 0.2, Effort = "fast" },
        };
    }

    private sealed class Hearing(Action<string> told) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) => told(value.Step);
    }
}
