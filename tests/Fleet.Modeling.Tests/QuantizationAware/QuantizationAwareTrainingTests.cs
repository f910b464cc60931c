using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.QuantizationAware;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Google.Protobuf;
using TorchSharp;

namespace Fleet.Modeling.Tests.QuantizationAware;

/// <summary>The three ways of training on a grid, from the student's file to the variant.</summary>
public sealed class QuantizationAwareTrainingTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public QuantizationAwareTrainingTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static BuildSpec Spec(QuantizationAwareSpec trained) => new()
    {
        Model = "waves",
        Distillation = new DistillationSpec { Training = new TrainingSpec { BatchSize = 32 } },
        Quantization = new QuantizationSpec { CalibrationSamples = 64 },
        QuantizationAware = trained,
    };

    private (IReadOnlyList<(string Profile, IQuantizationScheme Scheme)> Variants, IReadOnlyList<EpochReport> Epochs) Make(
        QuantizationAwareSpec spec, params string[] profiles) => Make("cnn", spec, profiles);

    private (IReadOnlyList<(string Profile, IQuantizationScheme Scheme)> Variants, IReadOnlyList<EpochReport> Epochs) Make(
        string family, QuantizationAwareSpec spec, string[] profiles)
    {
        var data = TinyStudents.Data(family);
        using var teacher = new OnnxTeacher(
            TinyStudents.Save(family, _folder, width: 12), data.Training.SampleShape, 4, tokens: data.Training.Vocabulary is not null);
        var build = Spec(spec);
        var memory = BuildMemory.Open(_folder.Path, build, data);
        var made = TrainedVariants.Make(build, TinyStudents.Save(family, _folder), teacher, data,
            [.. profiles.Select(profile => BuiltInProfiles.Find(profile)!)], _folder.Path, memory,
            new IgnoredProgress(), CancellationToken.None);
        memory.Forget();
        return made;
    }

    private static double Accuracy(IQuantizationScheme scheme, string family = "cnn")
    {
        var test = TinyStudents.Data(family).Test;
        using var session = OnnxRuntimeSession.Open(((TrainedGridScheme)scheme).Model().ToByteArray(), "test");
        return Judgement.Accuracy(ModelOutputs.Of(session, test.Feeds("input"), CancellationToken.None), test.ClassNumbers);
    }

    [Fact]
    public void Two_bits_that_rounding_destroys_are_learned_by_training_on_them()
    {
        var data = TinyStudents.Data("cnn");
        var (variants, epochs) = Make(
            new QuantizationAwareSpec { Method = "qat", WeightBits = 2, ActivationBits = 2, Epochs = 6, LearningRate = 5e-3 }, "x64");
        Assert.Equal(Enumerable.Range(1, 6), epochs.Select(epoch => epoch.Epoch));
        Assert.All(epochs, epoch => Assert.Equal("qat", epoch.Phase));

        var student = TinyStudents.Prepared("cnn", _folder);
        var plan = QuantizationPlan.For(student.Graph, IntegerForm.U8S8, new HashSet<string>());
        var histograms = CalibrationRun.Count(
            student.Model, [.. plan.CalibratedValues], data.Training.Feeds("input"), 32, CancellationToken.None);
        var rounded = new TrainedGridScheme("ptq", new BitWidths(2, 2), IntegerForm.U8S8, student,
            StartingGrids.Search(student.Graph, plan, IntegerForm.U8S8, new BitWidths(2, 2), histograms));
        Assert.InRange(Accuracy(variants.Single().Scheme), Accuracy(rounded) + 0.05, 1);
    }

    [Theory]
    [InlineData("qat-distillation")]
    [InlineData("qkd")]
    public void Text_model_is_trained_around_its_table_as_it_is_stored(string method)
    {
        var (variants, _) = Make("encoder",
            new QuantizationAwareSpec
            {
                Method = method,
                WeightBits = 4,
                ActivationBits = 4,
                Epochs = 3,
                Phases = new StudyPhasesSpec { SelfStudying = 1, CoStudying = 1, Tutoring = 1 },
            }, ["x64"]);
        Assert.InRange(Accuracy(variants.Single().Scheme, "encoder"), 0.9, 1);
        // TensorRT's form has the table of 200 pieces in float, as it was while training; this one has bytes, which must be the same
        // numbers.
        var scheme = (TrainedGridScheme)variants[0].Scheme;
        var table = EmbeddingTables.Of(new OnnxGraph(scheme.In(IntegerForm.Symmetric8).Model())).Single();
        var written = new OnnxGraph(scheme.Model());
        Assert.Null(written.Constant(table.Name));
        var (values, scales) = (written.Constant($"{table.Name}_int8")!.ToInt64s(), written.Constant($"{table.Name}_scale")!.ToSingles());
        Assert.All(values.Select((value, i) => value * scales[i % scales.Length]).Zip(table.ToSingles()),
            pair => Assert.Equal(pair.Second, pair.First, 1e-6f));
    }

    [Fact]
    public void Phases_of_QKD_follow_each_other_and_leave_the_teachers_file_as_it_was()
    {
        var file = TinyStudents.Save("cnn", _folder, width: 12);
        var before = File.ReadAllBytes(file);
        var (variants, epochs) = Make(
            new QuantizationAwareSpec
            {
                Method = "qkd",
                WeightBits = 4,
                ActivationBits = 4,
                Phases = new StudyPhasesSpec { SelfStudying = 1, CoStudying = 2, Tutoring = 1 },
            }, "x64");
        Assert.Equal(["self-studying", "co-studying", "co-studying", "tutoring"], epochs.Select(epoch => epoch.Phase));
        Assert.Equal(before, File.ReadAllBytes(file));
        Assert.False(File.Exists(_folder.File("tutor.onnx")));
        Assert.InRange(Accuracy(variants.Single().Scheme), 0.8, 1);
    }

    [Fact]
    public void Companion_learns_with_the_student_and_a_teacher_that_stands_still_does_not()
    {
        var data = TinyStudents.Data("cnn");
        var student = TinyStudents.Prepared("cnn", _folder);
        using var graph = new TrainableGraph(student);
        using var companion = new TrainableGraph(PreparedModel.From(TinyStudents.Save("cnn", _folder, width: 12), _folder.Path));
        var before = companion.Outputs(data.Test, CancellationToken.None);
        var settings = new StudySettings(new TrainingSpec { BatchSize = 32, LearningRate = 1e-3 }, 1, 4, 0.5);
        StudyLoop.Run(graph, data.Training, data.Validation, [new StudyPhase("self-studying", 1)], settings,
            TinyStudents.Silent, CancellationToken.None);
        Assert.Equal(before, companion.Outputs(data.Test, CancellationToken.None));
        StudyLoop.Run(graph, data.Training, data.Validation, [new StudyPhase("co-studying", 1) { Companion = companion }], settings,
            TinyStudents.Silent, CancellationToken.None);
        Assert.NotEqual(before, companion.Outputs(data.Test, CancellationToken.None));
    }

    [Fact]
    public void Processors_share_one_training_and_TensorRT_has_its_own()
    {
        var (variants, epochs) = Make(
            new QuantizationAwareSpec { Method = "qat-distillation", WeightBits = 4, ActivationBits = 4, Epochs = 1 }, "x64", "arm-cpu",
            "jetson");
        Assert.Equal(["x64", "arm-cpu", "jetson"], variants.Select(variant => variant.Profile));
        Assert.Equal(["qat-distillation (x64, arm-cpu)", "qat-distillation (jetson)"], epochs.Select(epoch => epoch.Phase));
        Assert.Equal(Accuracy(variants[0].Scheme), Accuracy(variants[1].Scheme));
        Assert.Empty(TensorRtRules.ProblemsOf(((TrainedGridScheme)variants[2].Scheme).Model()));
        Assert.All(variants, variant => Assert.Equal("qat-distillation-w4a4", variant.Scheme.Name));
        Assert.Contains("In the file a weight takes 4 bits", ((TrainedGridScheme)variants[0].Scheme).Meaning, StringComparison.Ordinal);
        Assert.Contains("stored in bytes", ((TrainedGridScheme)variants[2].Scheme).Meaning, StringComparison.Ordinal);
    }

    [Fact]
    public void Same_seed_gives_the_same_file_to_the_last_byte()
    {
        byte[] Once() => ((TrainedGridScheme)Make(
            new QuantizationAwareSpec
            {
                Method = "qkd",
                WeightBits = 3,
                ActivationBits = 3,
                Phases = new StudyPhasesSpec { SelfStudying = 1, CoStudying = 1, Tutoring = 1 },
            }, "x64").Variants[0].Scheme).Model().ToByteArray();
        Assert.Equal(Once(), Once());
    }

    [Fact]
    public void Teacher_that_QKD_cannot_train_is_refused_with_what_to_use_instead()
    {
        var path = new GraphBuilder().Input("x", -1, 8).Weight("w", 8, 4).Node("Gemm", ["x", "w"], "g").Node("Softplus", ["g"], "y")
            .Output("y", -1, 4).Save(_folder);
        var refusal = Assert.Throws<BuildException>(() => TrainedVariants.CheckTeacher(path, _folder.Path));
        Assert.Contains("Softplus", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Use 'qat-distillation'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Training_on_a_grid_leaves_no_tensor_behind()
    {
        var spec = new QuantizationAwareSpec
        {
            Method = "qkd",
            WeightBits = 4,
            ActivationBits = 4,
            Phases = new StudyPhasesSpec { SelfStudying = 1, CoStudying = 1, Tutoring = 1 },
        };
        Make(spec, "x64");
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Make(spec with { Phases = new StudyPhasesSpec { SelfStudying = 2, CoStudying = 2, Tutoring = 2 } }, "x64");
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Cancelling_stops_within_the_step()
    {
        using var cancel = new CancellationTokenSource();
        var data = TinyStudents.Data("cnn");
        using var graph = new TrainableGraph(TinyStudents.Prepared("cnn", _folder));
        var sink = new CancelAfter(cancel, 3);
        Assert.ThrowsAny<OperationCanceledException>(
            () => StudyLoop.Run(graph, data.Training, data.Validation, [new StudyPhase("qat", 1000)],
            new StudySettings(new TrainingSpec { BatchSize = 32 }, 1, 4, 0.5),
            new Fleet.Quantization.Progress(sink, "step", 0, 1), cancel.Token));
        Assert.Equal(3, sink.Reports);
    }

    /// <summary>
    /// Eight batches in each of four epochs, of three phases; the second run would be stopped if it did again what was done.
    /// </summary>
    [Theory]
    [InlineData(3)] // Within the phase that learns alone.
    [InlineData(12)] // Within the one where the teacher learns as well.
    [InlineData(24)] // Behind its last batch.
    [InlineData(28)] // Within the one with the teacher as it has become.
    public void Training_on_a_grid_that_was_interrupted_ends_as_if_it_had_not_been(int stopAfter)
    {
        var data = TinyStudents.Data("cnn");
        var student = TinyStudents.Prepared("cnn", _folder);
        using var teacher = new OnnxTeacher(TinyStudents.Save("cnn", _folder, width: 12), data.Training.SampleShape, 4);
        (byte[] Model, IReadOnlyList<EpochReport> Epochs) Train(Checkpoint? checkpoint, int reports)
        {
            var spec = Spec(new QuantizationAwareSpec
            {
                Method = "qkd",
                WeightBits = 4,
                ActivationBits = 4,
                Phases = new StudyPhasesSpec { SelfStudying = 1, CoStudying = 2, Tutoring = 1 },
            });
            using var cancel = new CancellationTokenSource();
            var course = new GridCourse(student, data, teacher, spec.QuantizationAware!, spec.Distillation, 64, 1, checkpoint);
            var (scheme, epochs) = QuantizationAwareTraining.Train(course, IntegerForm.U8S8, _folder.Path,
                new Fleet.Quantization.Progress(new CancelAfter(cancel, reports), "step", 0, 1), cancel.Token);
            return (scheme.Model().ToByteArray(), epochs);
        }

        var (whole, wholeEpochs) = Train(null, int.MaxValue);
        var batches = 4 * data.Training.Count / 32;
        var checkpoint = new Checkpoint(_folder.File("grid.checkpoint"), TimeSpan.Zero);
        Assert.ThrowsAny<OperationCanceledException>(() => Train(checkpoint, stopAfter));
        var (resumed, epochs) = Train(checkpoint, 2 + batches - stopAfter + 1);
        Assert.Equal(wholeEpochs, epochs);
        Assert.Equal(whole, resumed);
        Assert.Equal(whole, Train(checkpoint, 2).Model); // What is over is not done again.
    }

    private sealed class CancelAfter(CancellationTokenSource cancel, int reports) : IProgress<BuildProgress>
    {
        public int Reports { get; private set; }

        public void Report(BuildProgress value)
        {
            if (++Reports == reports) cancel.Cancel();
        }
    }
}
