using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Distillation;

/// <summary>Assistants and students that teach the next: who taught whom, which is kept, and that none is trained twice.</summary>
public sealed class GenerationsTests : IDisposable
{
    private static readonly TrainingSpec Short = new() { Epochs = 2, BatchSize = 16, Augment = false };

    private readonly TemporaryFolder _folder = new();

    public GenerationsTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_teaches_the_next_one_is_kept_and_none_is_trained_again()
    {
        var spec = Spec(assistant: 12, generations: 3);
        var first = Run(spec, out var told);
        Assert.Equal(
            [("assistant", "teacher"), ("generation 1", "assistant"), ("generation 2", "generation 1"), ("generation 3", "generation 2")],
            first.Reports.Select(report => (report.Name, report.Teacher)));
        Assert.Contains("width 12", first.Reports[0].Description, StringComparison.Ordinal);
        Assert.All(first.Reports.Skip(1), report => Assert.Equal(first.Plan.Description, report.Description));
        // With seeds of their own they are other networks, and a later one is kept only if it is better.
        Assert.Equal(4, first.Reports.Select(report => report.Loss).Distinct().Count());
        var kept = Assert.Single(first.Reports, report => report.Kept);
        Assert.NotEqual("assistant", kept.Name);
        Assert.True(kept.Name == "generation 1" || kept.Loss < first.Reports[1].Loss, $"{kept}");
        var file = Path.Combine(_folder.Path, "unfinished", kept.Name.Replace(' ', '-'), "student.onnx");
        Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(_folder["student.onnx"]));
        Assert.Contains(told, step => step.StartsWith("Generation 3, distilling the student", StringComparison.Ordinal));

        var again = Run(spec, out var toldAgain);
        Assert.Equal(first.Reports, again.Reports);
        Assert.DoesNotContain(toldAgain, step => step.Contains("epoch", StringComparison.Ordinal));
    }

    [Fact]
    public void Assistant_that_is_only_tried_stands_beside_the_student_without_one()
    {
        var reports = Run(Spec(StudentWidth.Auto, generations: null), out _).Reports;
        Assert.Equal(["generation 1", "assistant", "generation 1, by the assistant"], reports.Select(report => report.Name));
        Assert.Equal(["teacher", "teacher", "assistant"], reports.Select(report => report.Teacher));
        // Between the student's parameters and the teacher's.
        Assert.InRange(reports[1].Parameters, reports[0].Parameters + 1, Families.Teacher("mlp", 64, [4], Families.HeadFor(Data), 0, null)
            .Parameters() - 1);
        Assert.Single(reports, report => report.Kept);
    }

    [Fact]
    public void Student_alone_is_no_generation() => Assert.Empty(Run(Spec(null, 1), out _).Reports);

    private static readonly DataSet Data = new(Rows(160, 1), Rows(40, 2), Rows(40, 3), ["no", "yes"]);

    private static BuildSpec Spec(StudentWidth? assistant, int? generations) => new()
    {
        Model = "rows",
        Data = new DataSpec { Kind = "csv", Train = "rows.csv" },
        Teacher = new TeacherSpec { Family = "mlp", Width = 64, Members = 1, Assistant = assistant, Training = Short },
        Student = new StudentSpec { Family = "mlp", Width = 6 },
        Distillation = new DistillationSpec { Generations = generations, Training = Short },
    };

    private Generations.Result Run(BuildSpec spec, out IReadOnlyList<string> told)
    {
        var (memory, normalization) = (BuildMemory.Open(_folder.Path, spec, Data), Normalization.Measure(Data.Training));
        var steps = new Steps();
        using var teacher = Teacher.Provide(
            spec, Data, normalization, _folder["teacher.onnx"], memory, new Steps(), TestContext.Current.CancellationToken);
        var result = new Generations(spec, Data, normalization, memory).Train(
            teacher.Model, teacher.Parameters, _folder["student.onnx"], steps, TestContext.Current.CancellationToken);
        told = steps.Told;
        return result;
    }

    private sealed class Steps : IProgress<BuildProgress>
    {
        public List<string> Told { get; } = [];

        public void Report(BuildProgress value) => Told.Add(value.Step);
    }

    // Whether two numbers have the same sign, which takes more than a line.
    private static SampleSet Rows(int count, int seed)
    {
        var random = new Random(seed);
        float[] values = [.. Enumerable.Range(0, 4 * count).Select(_ => random.NextSingle() - 0.5f)];
        return new SampleSet(values, [4],
            [.. Enumerable.Range(0, count).Select(row => values[4 * row] * values[4 * row + 1] > 0 ? 1L : 0L)]);
    }
}
