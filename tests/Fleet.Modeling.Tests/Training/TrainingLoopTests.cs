using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using TorchSharp;

namespace Fleet.Modeling.Tests.Training;

public sealed class TrainingLoopTests
{
    private static readonly TrainingSpec Short = new() { Epochs = 3, BatchSize = 32, LearningRate = 5e-3 };

    public TrainingLoopTests() => NativeEnvironment.Prepare();

    // Two tones in noise: learnable in a second, not by chance.
    private static SampleSet Tones(int count, int seed)
    {
        var random = new Random(seed);
        var inputs = new float[count * 64];
        var labels = new long[count];
        for (var sample = 0; sample < count; sample++)
        {
            labels[sample] = sample % 2;
            var (phase, frequency) = (random.NextDouble() * 6.28, labels[sample] == 0 ? 0.3 : 0.5);
            for (var i = 0; i < 64; i++) inputs[sample * 64 + i] = (float)(Math.Sin(phase + frequency * i) + random.NextDouble() - 0.5);
        }
        return new SampleSet(inputs, [1, 64], labels);
    }

    private static (float[] Logits, IReadOnlyList<EpochReport> Epochs) Train(
        TrainingSpec spec, int seed, IProgress<BuildProgress>? sink = null, CancellationToken cancellationToken = default)
    {
        var training = Tones(256, 1);
        using var network = new Network(Families.Student("conv1d", 4, [1, 64], new Classifier(2)), Normalization.Measure(training), seed);
        var epochs = TrainingLoop.Run(network, training, Tones(64, 2), new TrainingPhase("teacher", spec, seed),
            new Progress(sink ?? new IgnoredProgress(), "step", 0, 1), cancellationToken);
        return (network.Outputs(Tones(8, 3), CancellationToken.None), epochs);
    }

    [Fact]
    public void Same_seed_gives_the_same_network_to_the_last_bit()
    {
        var (first, epochs) = Train(Short with { Augment = true }, 1);
        var (again, _) = Train(Short with { Augment = true }, 1);
        var (other, _) = Train(Short with { Augment = true }, 2);
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
        Assert.Equal([1, 2, 3], epochs.Select(epoch => epoch.Epoch));
    }

    [Fact]
    public void Task_that_can_be_learned_is_learned()
    {
        var (_, epochs) = Train(Short with { Epochs = 6 }, 1);
        Assert.InRange(epochs[^1].Reached().Value, 0.95, 1);
        Assert.True(epochs[^1].Loss < epochs[0].Loss);
    }

    [Fact]
    public void Without_validation_samples_nothing_is_chosen_and_the_last_step_stands()
    {
        var training = Tones(256, 1);
        (float[] Outputs, IReadOnlyList<EpochReport> Epochs) Run(SampleSet validation)
        {
            using var network = new Network(Families.Student("conv1d", 4, [1, 64], new Classifier(2)), Normalization.Measure(training), 1);
            var epochs = TrainingLoop.Run(network, training, validation,
                new TrainingPhase("teacher", Short with { Epochs = 6, LearningRate = 1 }, 1),
                new Progress(new IgnoredProgress(), "step", 0, 1), CancellationToken.None);
            return (network.Outputs(training, CancellationToken.None), epochs);
        }
        // With the labels turned round the best epoch is the one that knows least.
        var turned = training with { Labels = new ClassLabels([.. training.ClassNumbers.Select(label => 1 - label)]) };
        var (chosen, judged) = Run(turned);
        var (last, unjudged) = Run(training.Take(0));
        Assert.Equal(judged.Select(epoch => epoch.Loss), unjudged.Select(epoch => epoch.Loss));
        Assert.All(unjudged, epoch => Assert.False(epoch.IsJudged));
        Assert.Equal(judged.Max(epoch => epoch.Reached().Value), turned.Labels.Score(chosen)[0].Value);
        Assert.Equal(judged[^1].Reached().Value, turned.Labels.Score(last)[0].Value);
        Assert.NotEqual(judged[^1].Reached().Value, judged.Max(epoch => epoch.Reached().Value));
    }

    [Fact]
    public void Balanced_classes_weigh_alike_in_the_loss_however_few_samples_one_has()
    {
        using var scope = torch.NewDisposeScope();
        var labels = new ClassLabels([0, 0, 0, 1]);
        double Loss(string? weights) => LabelLoss.Of(labels, Short with { ClassWeights = weights })
            .Of(torch.tensor(new float[] { 0, 0, 0, 0, 0, 0, 2, 0 }, [4L, 2L]), torch.tensor(labels.Numbers)).ToDouble();
        var missed = Math.Log(1 + Math.Exp(2));
        Assert.Equal((3 * Math.Log(2) + missed) / 4, Loss(null), 5);
        Assert.Equal((Math.Log(2) + missed) / 2, Loss("balanced"), 5);
    }

    [Fact]
    public void Weights_of_the_best_epoch_are_kept_and_not_those_of_the_last()
    {
        var training = Tones(256, 1);
        var validation = Tones(64, 2);
        using var network = new Network(Families.Student("conv1d", 4, [1, 64], new Classifier(2)), Normalization.Measure(training), 1);
        // A rate this high makes epochs differ widely.
        var epochs = TrainingLoop.Run(network, training, validation,
            new TrainingPhase("teacher", Short with { Epochs = 6, LearningRate = 1 }, 1),
            new Progress(new IgnoredProgress(), "step", 0, 1), CancellationToken.None);
        Assert.Equal(epochs.Max(epoch => epoch.Reached().Value),
            validation.Labels.Score(network.Outputs(validation, CancellationToken.None))[0].Value);
    }

    [Fact]
    public void Cancelling_stops_within_the_step()
    {
        using var cancel = new CancellationTokenSource();
        var sink = new CancelAfter(cancel, 5);
        Assert.ThrowsAny<OperationCanceledException>(() => Train(Short with { Epochs = 10_000 }, 1, sink, cancel.Token));
        Assert.Equal(5, sink.Reports);
    }

    [Fact]
    public void Loss_that_is_not_a_number_ends_the_build_with_the_remedy()
    {
        var training = Tones(64, 1);
        var broken = training with { Values = training.Inputs.Select(_ => float.NaN).ToArray() };
        using var network = new Network(Families.Student("conv1d", 4, [1, 64], new Classifier(2)), new Normalization([0], [1]), 1);
        var failure = Assert.Throws<BuildException>(() =>
            TrainingLoop.Run(network, broken, training, new TrainingPhase("teacher", Short, 1),
                new Progress(new IgnoredProgress(), "step", 0, 1), CancellationToken.None));
        Assert.Contains("Lower learningRate", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Training_leaves_no_tensor_behind()
    {
        Train(Short, 1);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Train(Short with { Epochs = 6 }, 1);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Run_without_a_better_epoch_ends_after_its_patience_and_keeps_the_best()
    {
        var training = Tones(256, 1);
        var validation = Tones(64, 2);
        using var network = new Network(Families.Student("conv1d", 4, [1, 64], new Classifier(2)), Normalization.Measure(training), 1);
        var epochs = TrainingLoop.Run(network, training, validation,
            new TrainingPhase("teacher", Short with { Epochs = 60, Patience = 3 }, 1),
            new Progress(new IgnoredProgress(), "step", 0, 1), CancellationToken.None);
        Assert.InRange(epochs.Count, 4, 59);
        var best = epochs.Max(epoch => epoch.Reached().Value);
        Assert.Equal(epochs.First(epoch => epoch.Reached().Value == best).Epoch + 3, epochs.Count);
        Assert.Equal(best, validation.Labels.Score(network.Outputs(validation, CancellationToken.None))[0].Value);
    }

    [Fact]
    public void Device_that_is_not_there_is_refused_with_the_remedy()
    {
        Assert.SkipWhen(torch.cuda.is_available(), "This machine has a GPU.");
        var failure = Assert.Throws<BuildException>(() => Train(Short with { Device = "cuda" }, 1));
        Assert.Contains("finds no CUDA device", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'auto' or 'cpu'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Smoothed_labels_keep_the_loss_of_a_sure_network_above_zero()
    {
        var (_, plain) = Train(Short with { Epochs = 6 }, 1);
        var (_, smoothed) = Train(Short with { Epochs = 6, LabelSmoothing = 0.2 }, 1);
        // Two classes: no loss is below the entropy of (0.9, 0.1).
        Assert.InRange(smoothed[^1].Loss, 0.325, 0.7);
        Assert.InRange(plain[^1].Loss, 0, 0.3);
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
