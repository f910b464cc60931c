using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Onnx;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Teachers;

/// <summary>Samples that nobody labelled: read in every form, and answered by a teacher that is given.</summary>
public sealed class UnlabelledTests : IDisposable
{
    private const int Length = 12, Labelled = 40, Unlabelled = 1_200, Tests = 300;

    private static readonly string[] Classes = ["a", "b", "c"];

    private readonly TemporaryFolder _folder = new();

    public UnlabelledTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    // A teacher that knows everything: samples are labelled by what it decides.
    private (float[] Inputs, long[] Labels) Problem(int count, int seed)
    {
        var random = new Random(seed);
        float[] inputs = [.. Enumerable.Range(0, count * Length).Select(_ => (float)(random.NextDouble() + random.NextDouble() - 1) * 2)];
        for (var chance = 1; !File.Exists(_folder["teacher.onnx"]); chance++)
        {
            using var network = new Network(Families.Student("mlp", 6, [Length], new Classifier(3)),
                new Normalization(new float[Length], [.. Enumerable.Repeat(1f, Length)]), chance);
            var decided = network.Outputs(new SampleSet(inputs, [Length], new long[count]), CancellationToken.None).Chunk(3)
                .CountBy(row => ClassificationScore.Decide(row)).ToList();
            // Weights drawn at random often know one class alone.
            if (decided.Count < 3 || decided.Min(kind => kind.Value) < count / 5) continue;
            OnnxFile.Save(StudentExport.Model(network.Plan, network.Normalization, network.Folded()), _folder["teacher.onnx"]);
        }
        using ITeacherModel teacher = new OnnxTeacher(_folder["teacher.onnx"], [Length], 3);
        var answers = teacher.Outputs(new SampleSet(inputs, [Length], new long[count]), CancellationToken.None);
        return (inputs, [.. Enumerable.Range(0, count).Select(i => (long)ClassificationScore.Decide(answers.AsSpan(3 * i, 3)))]);
    }

    private string Write(string name, (float[] Inputs, long[] Labels) samples, bool labelled = true)
    {
        using var file = File.Create(_folder[name]);
        KeyValuePair<string, NpyArray>[] arrays = [
            new("inputs", NpyArray.Of(samples.Inputs, [samples.Labels.Length, Length])),
            new("labels", NpyArray.Of(samples.Labels, samples.Labels.Length)),
        ];
        NpzArchive.Write(file, labelled ? arrays : arrays[..1]);
        return _folder[name];
    }

    private static BuildSpec Spec(DataSpec data, TeacherSpec teacher) => new()
    {
        Model = "unlabelled",
        Data = data,
        Teacher = teacher,
        Student = new StudentSpec { Family = "mlp", Width = 24 },
        Distillation = new DistillationSpec { FineTuneEpochs = 0 },
        Quantization = new QuantizationSpec { CalibrationSamples = 16, MaximumDrop = 1, Profiles = ["x64"], Effort = "fast" },
        Gate = new GateSpec { ValidationSamples = 60 },
    };

    private BuildReport Build(DataSpec data, TeacherSpec teacher)
        => new Build(TimeProvider.System).Run(Spec(data, teacher), _folder["build"], new IgnoredProgress(), CancellationToken.None).Report;

    [Fact]
    public void Student_learns_from_what_the_teacher_says_of_unlabelled_samples_and_beats_itself_on_the_labels_alone()
    {
        var report = Build(
            new DataSpec
            {
                Train = Write("train.npz", Problem(Labelled, 1)),
                Unlabelled = Write("more.npz", Problem(Unlabelled, 2), labelled: false),
                Test = Write("test.npz", Problem(Tests, 3)),
            }, new TeacherSpec { Onnx = _folder["teacher.onnx"] });

        Assert.Equal((Unlabelled, Labelled), (report.Samples.Unlabelled, report.Samples.Training + report.Samples.Validation));
        Assert.Equal(1, report.Teacher!.Scores.Accuracy);
        var alone = report.Floors.Single(floor => floor.Name == FloorReport.LabelsAlone);
        Assert.InRange(report.Student.Scores.Accuracy!.Value - alone.Scores.Accuracy!.Value, 0.05, 1);
        Assert.Equal(FloorVerdict.Better, alone.Verdict());
    }

    [Fact]
    public void Nothing_but_unlabelled_samples_is_learned_from_and_the_report_says_whose_answers_figures_are_held_against()
    {
        Write("more.npz", Problem(Unlabelled, 2), labelled: false);
        var report = Build(new DataSpec { Unlabelled = _folder["more.npz"] }, new TeacherSpec { Onnx = _folder["teacher.onnx"] });

        Assert.Equal(["0", "1", "2"], report.Classes);
        Assert.Equal(1, report.Teacher!.Scores.Accuracy);
        Assert.InRange(report.Student.Scores.Accuracy!.Value, 0.75, 1);
        Assert.Contains(report.Findings, finding => finding.StartsWith("No sample has a label", StringComparison.Ordinal));
        Assert.DoesNotContain(report.Floors, floor => floor.Name == FloorReport.LabelsAlone);
    }

    [Fact]
    public void Labelled_test_samples_beside_unlabelled_ones_say_which_classes_there_are()
    {
        var test = Problem(Tests, 3);
        File.WriteAllLines(_folder["test.csv"],
            [.. test.Inputs.Chunk(Length).Zip(test.Labels, (row, label) => string.Join(',', row) + "," + Classes[label])
                .Prepend(string.Join(',', Enumerable.Range(1, Length).Select(column => $"x{column}")) + ",kind")]);
        File.WriteAllLines(_folder["more.csv"],
            [.. Problem(Unlabelled, 2).Inputs.Chunk(Length).Select(row => string.Join(',', row))
                .Prepend(string.Join(',', Enumerable.Range(1, Length).Select(column => $"x{column}")))]);
        var data = DataSets.Load(
            new DataSpec { Unlabelled = _folder["more.csv"], Test = _folder["test.csv"], LabelColumn = "kind" }, null, 1);
        Assert.Equal(Classes, data.Classes);
        Assert.IsType<NoLabels>(data.Training.Labels);
        var filled = TeacherLabels.Fill(data, new TeacherSpec { Onnx = _folder["teacher.onnx"] }, CancellationToken.None);
        Assert.Equal(test.Labels, filled.Test.ClassNumbers);
        Assert.Equal(3, filled.Training.ClassNumbers.Distinct().Count());
        Assert.Contains(filled.Notes, note => note.Contains("labels of their own", StringComparison.Ordinal));
    }

    [Fact]
    public void Test_samples_among_the_unlabelled_ones_are_told()
    {
        var (train, more) = (Problem(Labelled, 1), Problem(100, 2));
        var test = Problem(20, 3);
        more.Inputs.AsSpan(0, 7 * Length).CopyTo(test.Inputs);
        var data = DataSets.Load(new DataSpec
        {
            Train = Write("train.npz", train),
            Unlabelled = Write("more.npz", more),
            Test = Write("test.npz", test),
        }, null, 1);
        Assert.Contains(data.Notes,
            note => note.StartsWith("7 of 20 test samples are among those without labels", StringComparison.Ordinal));
        Assert.Equal(100, data.Unlabelled!.Count);
    }

    [Fact]
    public void Unlabelled_samples_of_another_shape_are_refused()
    {
        Write("train.npz", Problem(Labelled, 1));
        using (var file = File.Create(_folder["more.npz"])) NpzArchive.Write(file, [new("x", NpyArray.Of(new float[30], 10, 3))]);
        var refused = Assert.Throws<BuildException>(() => DataSets.Load(
            new DataSpec { Train = _folder["train.npz"], Unlabelled = _folder["more.npz"] }, null, 1));
        Assert.Contains("Unlabelled samples of", refused.Message, StringComparison.Ordinal);
        Assert.Contains("(3)", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Texts_may_stand_alone()
    {
        File.WriteAllText(_folder["train.json"], """[["good day", "yes"], ["bad day", "no"], ["good", "yes"], ["bad", "no"]]""");
        File.WriteAllText(_folder["more.json"], """["good bad", {"text": "day"}, ["bad day day", "whatever"]]""");
        var data = DataSets.Load(new DataSpec
        {
            Kind = "text",
            Train = _folder["train.json"],
            Unlabelled = _folder["more.json"],
            ValidationShare = 0,
            TestShare = 0.25,
            Text = new TextSpec { MaximumLength = 4, VocabularySize = 16 },
        }, 1, 1);
        Assert.Equal(3, data.Unlabelled!.Count);
        Assert.Equal(data.Training.Vocabulary, data.Unlabelled.Vocabulary);
    }
}
