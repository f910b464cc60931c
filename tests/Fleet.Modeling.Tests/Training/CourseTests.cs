using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Tests.Training;

/// <summary>How long a training is where nobody says, and that its network answers as it is and not as it was.</summary>
public sealed class CourseTests
{
    public CourseTests() => NativeEnvironment.Prepare();

    [Theory]
    [InlineData(6, 1_000, 6)] // fewer than a batch
    [InlineData(45, 200, 8)] // 45 samples make five steps
    [InlineData(500, 67, 32)]
    [InlineData(2_000, 67, 128)]
    [InlineData(60_000, 10, 128)]
    public void Small_data_is_gone_through_more_often_in_smaller_batches(int samples, int epochs, int batch)
        => Assert.Equal(new Course(epochs, batch), Course.Of(new TrainingSpec(), samples));

    [Fact]
    public void What_is_asked_for_is_done()
        => Assert.Equal(new Course(3, 16), Course.Of(new TrainingSpec { Epochs = 3, BatchSize = 16 }, 45));

    [Theory]
    [InlineData(45, 64)] // of 200 epochs: the most that are kept
    [InlineData(480, 41)]
    [InlineData(2_700, 7)]
    [InlineData(60_000, 4)]
    public void Of_few_samples_a_student_sees_a_new_variation_in_every_epoch(int samples, int views)
        => Assert.Equal(views, Course.Of(new TrainingSpec(), samples).Views(new DistillationSpec(), samples));

    [Fact]
    public void Views_that_are_asked_for_are_made()
        => Assert.Equal(24, Course.Of(new TrainingSpec(), 45).Views(new DistillationSpec { Views = 24 }, 45));

    [Fact]
    public void Few_steps_are_judged_by_the_statistics_of_the_weights_they_left()
    {
        // Ten steps, after which running averages are two thirds of the way; what was learned did not show.
        var (training, validation) = (Waves(40, seed: 1), Waves(40, seed: 2));
        var plan = Families.Student("conv1d", 8, [1, 64], new Fleet.Modeling.Students.Layers.Classifier(2));
        using var network = new Network(plan, Normalization.Measure(training), seed: 3);
        var epochs = TrainingLoop.Run(network, training, validation,
            new TrainingPhase("labels", new TrainingSpec { Epochs = 10, BatchSize = 40, LearningRate = 1e-2, Device = "cpu" }, 3),
            new Progress(new IgnoredProgress(), "", 0, 1), TestContext.Current.CancellationToken);
        Assert.True(epochs[^1].Reached().Value > 0.9, $"{string.Join(" ", epochs.Select(epoch => epoch.Reached().Value))}");
    }

    private static SampleSet Waves(int count, int seed)
    {
        var random = new Random(seed);
        var (inputs, labels) = (new float[count * 64], new long[count]);
        for (var sample = 0; sample < count; sample++)
        {
            labels[sample] = sample % 2;
            var phase = 6 * random.NextSingle();
            for (var i = 0; i < 64; i++)
                inputs[sample * 64 + i] = 5 + MathF.Sin(phase + i * (labels[sample] == 0 ? 0.3f : 0.45f)) + 0.3f * random.NextSingle();
        }
        return new SampleSet(inputs, [1, 64], labels);
    }
}
