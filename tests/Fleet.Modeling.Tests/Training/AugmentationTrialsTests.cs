using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Tests.Training;

/// <summary>Variations of samples are used where they help on samples that were held out.</summary>
public sealed class AugmentationTrialsTests
{
    public AugmentationTrialsTests() => NativeEnvironment.Prepare();

    [Theory]
    [InlineData(true)] // what a burst looks like tells the class, and it may be anywhere
    [InlineData(false)] // where it is tells the class: rotated samples teach nonsense
    public void Signals_are_rotated_where_that_helps(bool anywhere)
    {
        var data = Bursts(anywhere);
        var trials = AugmentationTrials.Run(new TrainingSpec(), Families.Student("conv1d", 4, [1, 48], new Classifier(2)), data,
            Normalization.Measure(data.Training), seed: 1, new Progress(new IgnoredProgress(), "", 0, 1),
            TestContext.Current.CancellationToken);
        Assert.Equal(["none", "gain", "gain and rotation", "noise"], trials.Select(trial => trial.Name));
        var used = Assert.Single(trials, trial => trial.Used);
        Assert.Equal(trials.Min(trial => trial.Loss), used.Loss);
        Assert.Equal(anywhere, used.Name == "gain and rotation");
        var spec = AugmentationTrials.With(new TrainingSpec(), data.Training, trials);
        Assert.Equal(used.Name != "none", spec.Augment);
        Assert.Equal(anywhere, spec.Rotate);
    }

    [Fact]
    public void Images_go_through_an_operation_only_where_that_helps()
    {
        // Class 1 is brighter than class 0 and like it else: changed contrasts and brightness teach nonsense.
        var random = new Random(4);
        SampleSet Set(int samples) => new(
            [.. Enumerable.Range(0, samples * 64).Select(at => (at / 64 % 2 == 0 ? 1 : 1.3f) * (at % 64 / 20 + random.NextSingle()))],
            [1, 8, 8], [.. Enumerable.Range(0, samples).Select(sample => (long)(sample % 2))]);
        var data = new DataSet(Set(48), Set(6), Set(20), ["a", "b"]);
        IReadOnlyList<AugmentationTrial> Tried(TrainingSpec asked) => AugmentationTrials.Run(
            asked, Families.Student("cnn", 4, [1, 8, 8], new Classifier(2)), data, Normalization.Measure(data.Training), seed: 1,
            new Progress(new IgnoredProgress(), "", 0, 1), TestContext.Current.CancellationToken);
        var trials = Tried(new TrainingSpec());
        Assert.Equal(["none", "moved", "moved and mirrored"], trials.Take(3).Select(trial => trial.Name));
        var used = Assert.Single(trials, trial => trial.Used);
        Assert.Equal(used.Name == "none" ? "an operation" : $"{used.Name}, an operation", Assert.Single(trials.Skip(3)).Name);
        Assert.True(trials[3].Loss > used.Loss + trials[3].Error);
        Assert.Null(AugmentationTrials.With(new TrainingSpec(), data.Training, trials).Operations);
        Assert.Equal(1, AugmentationTrials.With(
            new TrainingSpec(), data.Training, [.. trials.Select((trial, number) => trial with { Used = number == 3 })]).Operations);
    }

    [Theory]
    [InlineData(1, 0.5f, false)] // as right, and less sure
    [InlineData(1.2f, 0.5f, true)] // more right, and less sure
    [InlineData(0.9f, 2, false)] // less right, and surer
    public void What_is_added_is_judged_by_how_right_it_is_not_by_how_sure(float right, float sure, bool isUsed)
    {
        long[] labels = [.. Enumerable.Range(0, 40).Select(sample => (long)(sample % 2))];
        // Clear logits for three samples of four, unclear ones for the fourth.
        VariationTrial Trial(string name, float right, float sure) => new((name, new TrainingSpec()), [
            new HeldOutAnswers(
                [
                    .. Enumerable.Range(0, 80).Select(at => sure * (at / 2 % 8 < 6 ? 2 : -1) * (at / 2 % 8 < 6 ? right : 1 / right)
                        * (at % 2 == labels[at / 2] ? 1 : -1)),
                ],
                new ClassLabels(labels), new ClassLabels(labels)),
        ]);
        var lines = VariationTrial.Judge([Trial("none", 1, 0.1f), Trial("moved", 1, 1)], way =>
        {
            Assert.Equal("moved", way.Name);
            return [Trial("moved, more", right, sure)];
        });
        Assert.Equal(isUsed ? "moved, more" : "moved", Assert.Single(lines, line => line.Used).Name);
        Assert.Equal(lines.Min(line => line.Loss), lines.Single(line => line.Used).Loss);
        Assert.Equal(lines[2].Loss - lines[0].Loss, lines[2].Difference, 1e-6);
    }

    [Theory]
    [InlineData(null, null, 3)]
    [InlineData(true, null, 2)]
    [InlineData(null, false, 2)]
    [InlineData(true, true, 1)]
    [InlineData(true, false, 1)]
    [InlineData(false, null, 1)]
    public void What_a_spec_says_is_not_tried(bool? augment, bool? mirror, int open)
    {
        var spec = new TrainingSpec { Augment = augment, Mirror = mirror };
        var images = new SampleSet(new float[4 * 16], [1, 4, 4], new long[] { 0, 1, 0, 1 });
        Assert.Equal(open > 1 || augment is null, AugmentationTrials.IsOpen(spec, images));
        Assert.Equal(open, AugmentationTrials.Candidates(spec, images).Length);
        if (open > 1) return;
        var said = AugmentationTrials.With(spec, images, []);
        Assert.Equal(augment, said.Augment);
        if (augment == true) Assert.Equal(mirror, said.Mirror);
    }

    [Theory]
    [InlineData(null, null, null, "none, gain, gain and rotation, noise")]
    [InlineData(true, null, null, "gain, gain and rotation, noise")]
    [InlineData(null, null, false, "none, gain, gain and rotation")]
    [InlineData(null, null, true, "none, noise")]
    [InlineData(true, null, true, "noise")]
    [InlineData(true, false, null, "gain")]
    [InlineData(false, null, true, "none")]
    public void Noise_is_tried_on_signals_unless_the_spec_says(bool? augment, bool? rotate, bool? noise, string expected)
    {
        var spec = new TrainingSpec { Augment = augment, Rotate = rotate, Noise = noise };
        var signals = new SampleSet(new float[4 * 16], [2, 8], new long[] { 0, 1, 0, 1 });
        var candidates = AugmentationTrials.Candidates(spec, signals);
        Assert.Equal(expected, string.Join(", ", candidates.Select(candidate => candidate.Name)));
        Assert.All(candidates, candidate => Assert.Equal(candidate.Name == "noise", candidate.Spec.Noise));
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void Pieces_of_texts_are_hidden_without_a_trial_unless_the_spec_says(bool? augment, bool expected)
    {
        var texts = new SampleSet([2, 3, 3, 2], [2], [0, 1]) { Vocabulary = new Vocabulary(["[PAD]", "[UNK]", "a", "b"]) };
        var spec = new TrainingSpec { Augment = augment };
        Assert.False(AugmentationTrials.IsOpen(spec, texts));
        Assert.Equal(expected, AugmentationTrials.With(spec, texts, []).Augment);
    }

    [Fact]
    public void Rows_of_features_are_left_as_they_are()
        => Assert.False(AugmentationTrials.IsOpen(new TrainingSpec(), new SampleSet(new float[8], [2], new long[] { 0, 1, 0, 1 })));

    private static DataSet Bursts(bool anywhere)
    {
        var random = new Random(4);
        SampleSet Set(int samples)
        {
            var (inputs, labels) = (new float[samples * 48], new long[samples]);
            for (var sample = 0; sample < samples; sample++)
            {
                labels[sample] = sample % 2;
                for (var i = 0; i < 48; i++) inputs[sample * 48 + i] = 0.3f * random.NextSingle();
                var (at, fast) = anywhere ? (random.Next(36), labels[sample] == 1) : ((int)labels[sample] * 24 + random.Next(12), false);
                for (var i = 0; i < 12; i++) inputs[sample * 48 + at + i] += MathF.Sin(i * (fast ? 1.4f : 0.5f));
            }
            return new SampleSet(inputs, [1, 48], labels);
        }
        return new DataSet(Set(48), Set(6), Set(20), ["a", "b"]);
    }
}
