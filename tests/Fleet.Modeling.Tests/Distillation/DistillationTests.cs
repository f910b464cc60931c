using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization.Onnx;
using Fleet.TestKit;
using TorchSharp;

namespace Fleet.Modeling.Tests.Distillation;

/// <summary>A student distilled with every loss at once, from a teacher in a file.</summary>
public sealed class DistillationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DistillationTests()
    {
        NativeEnvironment.Prepare();
        using var network = new Network(Families.Teacher("cnn", 6, [1, 8, 8], new Classifier(3)), new Normalization([0], [1]), 9);
        OnnxFile.Save(StudentExport.Model(network.Plan, network.Normalization, network.Folded()), _folder["teacher.onnx"]);
    }

    public void Dispose() => _folder.Dispose();

    private static readonly FeaturePairSpec[] Maps = [
        new() { Teacher = "layer3", Student = "layer3" },
    ], Last = [new() { Teacher = "layer7", Student = "layer7" }];

    private static readonly DistillationSpec Everything = new()
    {
        Losses =
        [
            new LossSpec { Loss = "logit", Weight = 0.5 },
            new LossSpec { Loss = "dkd", Weight = 0.1 },
            new LossSpec { Loss = "dist" },
            new LossSpec { Loss = "feature", Weight = 2, Pairs = Maps },
            new LossSpec { Loss = "attention", Pairs = Maps },
            new LossSpec { Loss = "relation", Pairs = Last },
            new LossSpec { Loss = "similarity", Pairs = [new() { Teacher = "logits", Student = "logits" }] },
            new LossSpec { Loss = "contrastive", Weight = 0.1, Pairs = Last },
        ],
        Labels = 0.5,
        Views = 2,
        Training = new TrainingSpec { Epochs = 3, BatchSize = 16, Augment = true },
        FineTuneEpochs = 0,
    };

    private static readonly DataSet Data = Blobs();

    // A bright spot in one of three corners.
    private static DataSet Blobs()
    {
        var random = new Random(3);
        SampleSet Of(int count)
        {
            var inputs = new float[count * 64];
            var labels = new long[count];
            for (var sample = 0; sample < count; sample++)
            {
                labels[sample] = sample % 3;
                for (var i = 0; i < 64; i++) inputs[sample * 64 + i] = (float)random.NextDouble();
                inputs[sample * 64 + (int)labels[sample] switch { 0 => 9, 1 => 14, _ => 54 }] += 3;
            }
            return new SampleSet(inputs, [1, 8, 8], labels);
        }
        return new DataSet(Of(96), Of(30), Of(30), ["a", "b", "c"]);
    }

    private IReadOnlyList<EpochReport> Distil(
        DistillationSpec distillation, string name, IProgress<BuildProgress>? sink = null, CancellationToken cancellationToken = default)
    {
        Directory.CreateDirectory(_folder[name]);
        var spec = new BuildSpec
        {
            Model = "spots",
            Data = new DataSpec { Kind = "npz" },
            Teacher = new TeacherSpec { Onnx = _folder["teacher.onnx"] },
            Student = new StudentSpec { Family = "cnn", Width = 4 },
            Distillation = distillation,
        };
        using var teacher = new OnnxTeacher(_folder["teacher.onnx"], [1, 8, 8], 3);
        return StudentTraining.Train(spec, teacher, Data, Normalization.Measure(Data.Training), _folder[name, "student.onnx"], null,
            BuildMemory.Open(_folder[name], spec, Data), sink ?? new IgnoredProgress(), cancellationToken).Epochs;
    }

    [Fact]
    public void Same_spec_gives_the_same_student_to_the_last_byte_with_all_losses()
    {
        var epochs = Distil(Everything, "a");
        Distil(Everything, "b");
        Assert.True(epochs[^1].Loss < epochs[0].Loss, string.Join(", ", epochs));
        Assert.Equal(File.ReadAllBytes(_folder["a", "student.onnx"]), File.ReadAllBytes(_folder["b", "student.onnx"]));
    }

    [Fact]
    public void Distillation_with_all_losses_that_was_interrupted_ends_as_if_it_had_not_been()
    {
        var whole = Distil(Everything, "a");
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Distil(Everything, "b", new CancelIn(cancel, "epoch 2 of"), cancel.Token));
        Assert.Equal(whole, Distil(Everything, "b"));
        Assert.Equal(File.ReadAllBytes(_folder["a", "student.onnx"]), File.ReadAllBytes(_folder["b", "student.onnx"]));
    }

    private sealed class CancelIn(CancellationTokenSource cancel, string step) : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value)
        {
            if (value.Step.Contains(step, StringComparison.Ordinal)) cancel.Cancel();
        }
    }

    [Fact]
    public void Student_has_no_trace_of_what_its_losses_learned()
    {
        Distil(Everything, "a");
        Distil(new DistillationSpec { Training = Everything.Training, FineTuneEpochs = 0 }, "plain");
        Assert.Equal(new FileInfo(_folder["plain", "student.onnx"]).Length, new FileInfo(_folder["a", "student.onnx"]).Length);
    }

    [Fact]
    public void Distilling_leaves_no_tensor_behind()
    {
        Distil(Everything, "a");
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Distil(Everything, "b");
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Feature_that_the_student_does_not_have_is_refused_with_those_it_has()
    {
        var wrong = Everything with
        {
            Losses = [new LossSpec { Loss = "feature", Pairs = [new() { Teacher = "layer3", Student = "layer30" }] }],
        };
        var message = Assert.Throws<BuildException>(() => Distil(wrong, "a")).Message;
        Assert.Contains("the student's 'layer30'", message, StringComparison.Ordinal);
        Assert.Contains("layer3 (8 x 4 x 4)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_loss_of_a_spec_can_be_made_and_no_other_is_known()
        => Assert.Equal(BuildSpecRules.Losses.Keys.Order(StringComparer.Ordinal),
            Modeling.Distillation.Losses.DistillationLosses.ByName.Keys.Order(StringComparer.Ordinal));
}
