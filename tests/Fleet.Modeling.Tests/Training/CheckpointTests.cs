using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Training;

public sealed class CheckpointTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(2);
    private readonly TemporaryFolder _folder = new();

    public CheckpointTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static SampleSet Noise(int count, int seed)
    {
        var random = new Random(seed);
        return new SampleSet([.. Enumerable.Range(0, count * 32).Select(_ => (float)random.NextDouble())], [2, 16],
            [.. Enumerable.Range(0, count).Select(i => (long)(i % 3))]);
    }

    private static (float[] Logits, IReadOnlyList<EpochReport> Epochs) Train(Checkpoint? checkpoint, int stopAfter = int.MaxValue)
    {
        using var cancel = new CancellationTokenSource();
        var training = Noise(96, 1);
        using var network = new Network(Families.Student("conv1d", 4, [2, 16], new Classifier(3)), Normalization.Measure(training), 1);
        var spec = new TrainingSpec { Epochs = 5, BatchSize = 16, LearningRate = 1e-2, Augment = true, Mixup = true, Warp = true };
        var phase = new TrainingPhase("teacher", spec, 7, Checkpoint: checkpoint);
        var epochs = TrainingLoop.Run(
            network, training, Noise(48, 2), phase, new Progress(new StopAfter(cancel, stopAfter), "step", 0, 1), cancel.Token);
        return (network.Outputs(Noise(8, 3), CancellationToken.None), epochs);
    }

    [Theory]
    [InlineData(3)] // Within the first epoch.
    [InlineData(6)] // Behind its last batch.
    [InlineData(17)]
    [InlineData(29)] // One batch before the end.
    public void Training_that_was_interrupted_ends_as_if_it_had_not_been(int stopAfter)
    {
        var (logits, epochs) = Train(null);
        // Kept before every batch: of 30, those that are done are not done again, or the second run would be stopped.
        var checkpoint = new Checkpoint(_folder["c"], TimeSpan.Zero);
        Assert.ThrowsAny<OperationCanceledException>(() => Train(checkpoint, stopAfter));
        var (resumed, resumedEpochs) = Train(checkpoint, stopAfter: 2 + 30 - stopAfter + 1);
        Assert.Equal(logits, resumed);
        Assert.Equal(epochs, resumedEpochs);
    }

    [Fact]
    public void Training_that_is_over_is_not_done_again()
    {
        var checkpoint = new Checkpoint(_folder["c"], TimeSpan.FromHours(1));
        var (logits, _) = Train(checkpoint);
        var (again, epochs) = Train(checkpoint, stopAfter: 1);
        Assert.Equal(logits, again);
        Assert.Equal(5, epochs.Count);
    }

    [Fact]
    public void File_that_is_cut_or_of_another_network_is_refused_with_the_remedy()
    {
        var checkpoint = new Checkpoint(_folder["c"], TimeSpan.FromHours(1));
        Train(checkpoint);
        var bytes = File.ReadAllBytes(_folder["c"]);
        foreach (var other in new[] { bytes[..^1], [.. bytes, 0], bytes[..100], [] })
        {
            File.WriteAllBytes(_folder["c"], other);
            Assert.Contains("remove the folder", Assert.Throws<BuildException>(() => Train(checkpoint)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Memory_is_that_of_one_spec_and_one_data_set()
    {
        var data = new DataSet(Noise(8, 1), Noise(8, 2), Noise(8, 3), ["a", "b", "c"]);
        BuildMemory.Open(_folder.Path, Spec, data).Finish("teacher", "done");
        Assert.Equal("done", BuildMemory.Open(_folder.Path, Spec, data).Finished<string>("teacher"));
        Assert.Null(BuildMemory.Open(_folder.Path, Spec with { Seed = 2 }, data).Finished<string>("teacher"));
        BuildMemory.Open(_folder.Path, Spec, data).Finish("teacher", "done");
        Assert.Null(BuildMemory.Open(_folder.Path, Spec, data with { Test = Noise(8, 4) }).Finished<string>("teacher"));
    }

    private static readonly BuildSpec Spec = new()
    {
        Model = "vibration",
        Data = new DataSpec { Kind = "vibration", Samples = 600 },
        Teacher = new TeacherSpec
        {
            Family = "conv1d",
            Width = 8,
            Members = 2,
            Training = new TrainingSpec { Epochs = 4, BatchSize = 32 },
        },
        Student = new StudentSpec { Family = "conv1d", Width = 4 },
        Distillation = new DistillationSpec { Training = new TrainingSpec { Epochs = 4, BatchSize = 32, Augment = true } },
        QuantizationAware = new QuantizationAwareSpec { Method = "qat", WeightBits = 4, ActivationBits = 8, Epochs = 4 },
        Quantization = new QuantizationSpec { Profiles = ["x64"], CalibrationSamples = 32, MaximumDrop = 1 },
        Gate = new GateSpec { ValidationSamples = 60 },
    };

    [Fact]
    public async Task Build_killed_in_the_middle_and_run_again_gives_the_same_files()
    {
        await File.WriteAllTextAsync(
            _folder["spec.json"], JsonSerializer.Serialize(Spec, FleetJson.Default.BuildSpec), TestContext.Current.CancellationToken);
        ChildProcess Start(string name) => ChildProcess.Start(Programs.Modeling, ["build", _folder["spec.json"], "--out", _folder[name]]);
        async Task EndsWellAsync(ChildProcess build)
        {
            var code = await build.WaitForExitAsync(Deadline);
            Assert.True(code == 0, $"It ended with {code}:\n{build.Output}");
        }
        string Digest(string name, string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder[name, file])));
        await using (var whole = Start("whole")) await EndsWellAsync(whole);

        foreach (var (during, step) in ((string, string)[])[
            ("teacher 2", "Training the teacher, 2 of 2"), ("distillation", "Distilling the student"),
            ("grid-1", "Training on the grid of x64"),
        ])
        {
            await using (var first = Start(during))
            {
                await Eventually.TrueAsync($"the {during} is kept",
                    () => File.Exists(_folder[during, "unfinished", during + ".checkpoint"]) || first.HasExited, Deadline);
                first.Kill();
                await first.WaitForExitAsync(Deadline);
            }
            Assert.False(File.Exists(_folder[during, "report.json"]));
            await using (var second = Start(during))
            {
                await EndsWellAsync(second);
                Assert.Contains($"{step}: goes on in epoch", second.Output, StringComparison.Ordinal);
                // What was finished before is not even looked at again.
                Assert.DoesNotContain(
                    during == "teacher 2" ? "Training the teacher, 1" : "Training the teacher", second.Output, StringComparison.Ordinal);
                if (during == "grid-1") Assert.DoesNotContain("Distilling the student", second.Output, StringComparison.Ordinal);
            }
            Assert.All((string[])["teacher.onnx", "teacher-2.onnx", "student.onnx", Path.Combine("variants", "x64-qat-w4a8.onnx")],
                file => Assert.Equal(Digest("whole", file), Digest(during, file)));
            Assert.False(Directory.Exists(_folder[during, "unfinished"]));
        }
    }

    private sealed class StopAfter(CancellationTokenSource cancel, int reports) : IProgress<BuildProgress>
    {
        private int _reports;

        public void Report(BuildProgress value)
        {
            if (++_reports == reports) cancel.Cancel();
        }
    }
}
