using System.Globalization;
using Fleet.Agent.Children;
using Fleet.Agent.Tests.Inference;
using Fleet.Agent.Validation;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.State;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Validation;

/// <summary>A variant is measured on this machine by a real child process, or fails there, and the agent lives on.</summary>
[Collection("validation processes")]
public sealed class ValidationTests : IDisposable
{
    private readonly ValidationBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Variant_is_measured_on_every_sample()
    {
        // The class is where the largest of three numbers is; every fourth label is wrong on purpose.
        var outcome = await ValidateAsync(
            TestModels.Scale(_bench.Folder.Path, 2), Set(samples: 40, wrongLabels: 10), new ValidationGate { MinimumAccuracy = 0.7 });
        Assert.Equal((DeploymentFailure.None, ""), (outcome.Failure, outcome.Detail));
        Assert.Equal((0.75, 40), (outcome.Scores!.Accuracy!.Value, outcome.Scores.Samples));
        var latency = outcome.Scores.Latency!;
        Assert.True(TimeSpan.Zero < latency.P50 && latency.P50 <= latency.P95 && latency.P95 <= latency.P99, latency.ToString());
        Assert.InRange(outcome.Scores.PeakMemoryBytes!.Value, 10L << 20, 1L << 30);
    }

    [Fact]
    public async Task Variant_that_misses_its_gate_says_every_figure_that_missed()
    {
        var outcome = await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), Set(samples: 40, wrongLabels: 10),
            new ValidationGate { MinimumAccuracy = 0.9, MaximumLatencyP95 = TimeSpan.FromTicks(1) });
        Assert.Equal(DeploymentFailure.GateMissed, outcome.Failure);
        Assert.Contains("Accuracy 0.75 is below the required 0.9.", outcome.Detail, StringComparison.Ordinal);
        Assert.Contains("Latency p95", outcome.Detail, StringComparison.Ordinal);
        Assert.Equal(0.75, outcome.Scores!.Accuracy);
    }

    [Fact]
    public async Task Set_without_labels_measures_no_accuracy_and_fails_a_gate_that_asks_for_one()
    {
        var set = _bench.Save([new("x", NpyArray.Of(new float[6], 2, 3))]);
        Assert.Null((await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), set, new ValidationGate())).Scores!.Accuracy);
        Assert.Equal(DeploymentFailure.GateMissed,
            (await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), set, new ValidationGate { MinimumAccuracy = 0.5 })).Failure);
    }

    [Theory]
    [InlineData(6, "SIGABRT")]
    [InlineData(9, "SIGKILL (where memory is short, by the kernel)")]
    [InlineData(11, "SIGSEGV")]
    public async Task Variant_that_crashes_the_process_fails_with_the_signal(int signal, string name)
    {
        var running = ValidateAsync(TestModels.Slow(_bench.Folder.Path, 5000), Set(samples: 100), new ValidationGate());
        await HostFixture.CrashAsync(await ChildAsync(), signal);
        var outcome = await running.WaitAsync(HostFixture.Deadline);
        Assert.Equal((DeploymentFailure.ValidationCrashed, $"The validation process of m 1 v was killed by {name}."),
            (outcome.Failure, outcome.Detail));
    }

    [Fact]
    public async Task Variant_that_does_not_finish_in_time_is_ended()
    {
        var running = ValidateAsync(
            TestModels.Slow(_bench.Folder.Path, 5000), Set(samples: 100), new ValidationGate { Deadline = TimeSpan.FromSeconds(2) });
        var child = await ChildAsync();
        var outcome = await running.WaitAsync(HostFixture.Deadline);
        Assert.Equal((DeploymentFailure.ValidationTimedOut, "The validation of m 1 v did not finish within 00:00:02."),
            (outcome.Failure, outcome.Detail));
        Assert.False(Directory.Exists($"/proc/{child}"));
    }

    [Fact]
    public async Task Variant_that_needs_more_memory_than_allowed_is_ended_and_a_smaller_one_passes_the_same_limit()
    {
        var gate = new ValidationGate { MaximumMemoryBytes = 256L << 20 };
        var hungry = await ValidateAsync(TestModels.Hungry(_bench.Folder.Path, mebibytes: 1500), Set(samples: 10), gate);
        Assert.Equal(DeploymentFailure.MemoryExceeded, hungry.Failure);
        Assert.Contains("256 MiB are allowed", hungry.Detail, StringComparison.Ordinal);
        var modest = await ValidateAsync(TestModels.Hungry(_bench.Folder.Path, mebibytes: 10), Set(samples: 10), gate);
        Assert.Equal((DeploymentFailure.None, ""), (modest.Failure, modest.Detail));
    }

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public async Task Real_variant_that_needs_more_memory_than_allowed_is_ended()
    {
        var model = SharedData.PathOf("onnx-ultraface", "version-RFB-320.onnx");
        var set = _bench.Save([new("input", NpyArray.Of(new float[4 * 3 * 240 * 320], 4, 3, 240, 320))]);
        var needed = (await ValidateAsync(model, set, new ValidationGate())).Scores!.PeakMemoryBytes!.Value;
        Assert.Equal(DeploymentFailure.MemoryExceeded,
            (await ValidateAsync(model, set, new ValidationGate { MaximumMemoryBytes = needed / 2 })).Failure);
        Assert.Equal(DeploymentFailure.None,
            (await ValidateAsync(model, set, new ValidationGate { MaximumMemoryBytes = needed * 3 / 2 })).Failure);
    }

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public async Task Variant_that_ONNX_Runtime_refuses_fails_to_load_with_its_sentence()
    {
        var outcome = await ValidateAsync(SharedData.PathOf("onnx-superres", "supres.onnx"), Set(samples: 4), new ValidationGate());
        Assert.Equal(DeploymentFailure.LoadFailed, outcome.Failure);
        Assert.StartsWith("ONNX Runtime refuses supres.onnx: ", outcome.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_that_is_not_a_model_fails_to_load()
    {
        await File.WriteAllBytesAsync(_bench.Folder["noise.onnx"], new byte[1000]);
        Assert.Equal(DeploymentFailure.LoadFailed,
            (await ValidateAsync(_bench.Folder["noise.onnx"], Set(samples: 4), new ValidationGate())).Failure);
    }

    [Theory]
    [InlineData("x", new[] { 4, 4 }, 4, "The validation set has 4 samples and 'x' of shape [4,4]; the model takes 'x' FP32 [-1,3].")]
    [InlineData("z", new[] { 4, 3 }, 4, "The validation set has no array for the model's input 'x' FP32 [-1,3]; it has z, labels.")]
    [InlineData("x", new[] { 4, 3 }, 5,
        "The validation set cannot be judged by: Array 'labels' holds [5] for 4 samples; its axes are samples.")]
    [InlineData("x", new[] { 0, 3 }, 0, "The validation set holds no samples.")]
    public async Task Set_that_disagrees_with_the_model_fails_to_load_with_both_shapes(
        string name, int[] shape, int labels, string sentence)
    {
        var set = _bench.Save([
            new(name, NpyArray.Of(new float[shape[0] * shape[1]], shape)), new("labels", NpyArray.Of(new long[labels], labels)),
        ]);
        var outcome = await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), set, new ValidationGate());
        Assert.Equal((DeploymentFailure.LoadFailed, sentence), (outcome.Failure, outcome.Detail));
    }

    [Theory]
    [InlineData("f8")]
    [InlineData("f2")]
    [InlineData("u1")]
    [InlineData("i4")]
    public async Task Set_of_other_numbers_is_turned_into_what_the_model_takes(string type)
    {
        byte[] one = type switch
        {
            "f8" => BitConverter.GetBytes(1.0),
            "f2" => BitConverter.GetBytes((Half)1),
            "i4" => BitConverter.GetBytes(1),
            _ => [1],
        };
        byte[] nothing = new byte[one.Length];
        var set = _bench.Save([
            new("x", new NpyArray(type, [2, 3], (byte[])[.. one, .. nothing, .. nothing, .. nothing, .. one, .. nothing])),
            new("labels", NpyArray.Of([0L, 1], 2)),
        ]);
        var outcome = await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), set, new ValidationGate { MinimumAccuracy = 1 });
        Assert.Equal((DeploymentFailure.None, ""), (outcome.Failure, outcome.Detail));
    }

    [Fact]
    public async Task Set_that_is_not_an_npz_fails_to_load()
    {
        await File.WriteAllTextAsync(_bench.Folder["set.npz"], "not a zip");
        var outcome = await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), _bench.Folder["set.npz"], new ValidationGate());
        Assert.Equal(DeploymentFailure.LoadFailed, outcome.Failure);
        Assert.StartsWith(
            "The validation set cannot be read: This is not a readable npz archive", outcome.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Validation_that_is_cancelled_ends_its_process()
    {
        using var cancel = new CancellationTokenSource();
        var running = ValidateAsync(TestModels.Slow(_bench.Folder.Path, 5000), Set(samples: 100), new ValidationGate(), cancel.Token);
        var child = await ChildAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(HostFixture.Deadline));
        Assert.False(Directory.Exists($"/proc/{child}"));
    }

    [Theory]
    [InlineData(0, true, null, DeploymentFailure.ValidationTimedOut)]
    [InlineData(137, true, null, DeploymentFailure.ValidationTimedOut)]
    [InlineData(137, false, 300L << 20, DeploymentFailure.MemoryExceeded)]
    [InlineData(137, false, null, DeploymentFailure.ValidationCrashed)]
    [InlineData(139, false, null, DeploymentFailure.ValidationCrashed)]
    [InlineData(3, false, null, DeploymentFailure.ValidationCrashed)]
    [InlineData(0, false, null, DeploymentFailure.None)]
    public void End_of_the_process_decides_even_when_it_said_that_all_was_well(
        int exitCode, bool timedOut, long? exceeded, DeploymentFailure failure)
        => Assert.Equal(failure,
            ValidationRunner.OutcomeOf(
                "m 1 v", new ValidationGate(), new ValidationReply(new Scores()), new ChildExit(exitCode), timedOut, exceeded).Failure);

    [Theory]
    [InlineData(0.5, 2)]
    [InlineData(0.95, 4)]
    [InlineData(0.25, 1)]
    [InlineData(0.26, 2)]
    public void Percentile_is_the_nearest_rank(double quantile, int milliseconds)
        => Assert.Equal(TimeSpan.FromMilliseconds(milliseconds),
            VariantMeasurement.Percentile([.. Enumerable.Range(1, 4).Select(value => TimeSpan.FromMilliseconds(value))], quantile));

    private Task<ValidationOutcome> ValidateAsync(
        string model, string set, ValidationGate gate, CancellationToken cancellationToken = default)
        => _bench.ValidateAsync(model, set, gate, cancellationToken);

    private string Set(int samples, int wrongLabels = 0)
    {
        var inputs = new float[samples * 3];
        var labels = new long[samples];
        for (var i = 0; i < samples; i++)
        {
            inputs[i * 3 + i % 3] = 1;
            labels[i] = i < wrongLabels ? (i + 1) % 3 : i % 3;
        }
        return _bench.Save([new("x", NpyArray.Of(inputs, samples, 3)), new("labels", NpyArray.Of(labels, samples))]);
    }

    /// <summary>The process that validates for this test: the tests of one collection run one after the other.</summary>
    private static async Task<int> ChildAsync()
        => int.Parse(await Eventually.ValueAsync(
            "the validation process runs", () => Task.FromResult(Directory.EnumerateDirectories("/proc")
            .Select(Path.GetFileName)
            .FirstOrDefault(id => int.TryParse(id, CultureInfo.InvariantCulture, out _) && IsValidation($"/proc/{id}")))),
                CultureInfo.InvariantCulture);

    private static bool IsValidation(string process)
    {
        // A process may end between being listed and being read.
        try
        {
            return File.ReadAllText($"{process}/cmdline").EndsWith("\0validate\0", StringComparison.Ordinal)
                && File.ReadAllText($"{process}/stat").Split(") ")[^1]
                    .Split(' ')[1] == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
