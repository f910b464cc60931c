using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Floors;
using Fleet.Modeling.Students;
using Fleet.Modeling.Tests.QuantizationAware;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Variants;

namespace Fleet.Modeling.Tests.Floors;

/// <summary>What a network, and a variant, must show before it is called of use.</summary>
public sealed class UselessnessTests
{
    public UselessnessTests() => NativeEnvironment.Prepare();

    /// <summary>By a figure that is merely higher, nearly half of these would pass.</summary>
    [Theory]
    [InlineData(2, 20)]
    [InlineData(2, 120)]
    [InlineData(4, 60)]
    public void Answers_by_chance_to_balanced_classes_are_refused_whatever_their_seed(int classes, int samples)
    {
        const int seeds = 60;
        var higher = 0;
        var passed = Enumerable.Range(0, seeds).Count(seed =>
        {
            var random = new Random(seed);
            long[] labels = [.. Enumerable.Range(0, samples).Select(sample => (long)(sample % classes))];
            var told = Of(labels, [.. labels.Select(_ => (long)random.Next(classes))], classes);
            higher += told?.Contains("cannot be told", StringComparison.Ordinal) != false ? 1 : 0;
            return told is null;
        });
        Assert.InRange(passed, 0, 5);
        Assert.InRange(higher, seeds / 4, seeds);
    }

    [Fact]
    public void Few_samples_that_a_network_knows_are_enough()
    {
        long[] labels = [.. Enumerable.Range(0, 12).Select(sample => (long)(sample % 2))];
        Assert.Null(Of(labels, labels, 2));
        Assert.Null(Of(labels, [1, .. labels[1..]], 2));
        // Three classes, one of them half of all: 18 of 24, which the interval of the gain alone would refuse.
        long[] half = [.. Enumerable.Range(0, 24).Select(sample => sample < 12 ? 0L : 1 + sample % 2)];
        Assert.Null(Of(half, [.. half.Select((label, sample) => sample % 4 == 0 ? (label + 1) % 3 : label)], 3));
    }

    [Fact]
    public void What_too_few_samples_cannot_tell_says_how_many_would()
    {
        long[] labels = [.. Enumerable.Range(0, 20).Select(sample => (long)(sample % 2))];
        // Four of either class wrong.
        long[] answers = [.. labels];
        foreach (var wrong in (int[])[0, 2, 4, 6, 1, 3, 5, 7]) answers[wrong] = 1 - labels[wrong];
        var why = Of(labels, answers, 2)!;
        Assert.StartsWith("The student cannot be told from one that has learned nothing: its accuracy is 0.6 on 20 test samples, and 0.5 "
            + "is what always 'a' gives; on others of the kind the gain lies between -", why, StringComparison.Ordinal);
        Assert.Matches(@"If it is real, about \d+0 test samples would show it \(data\.testShare, data\.test\)\.$", why);
        Assert.StartsWith("The student has learned nothing", Of(labels, new long[20], 2), StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_network_could_be_told_by_says_how_many_samples_would_tell_a_perfect_one()
    {
        const string perfect = "even a model without an error could not be told from always 'a'";
        Assert.EndsWith($"On 5 test samples {perfect}; 8 with labels in the same proportion would do (data.testShare, data.test).",
            Of([0, 1, 0, 1, 0], [0, 1, 0, 0, 0], 2), StringComparison.Ordinal);
        // And eight are.
        long[] eight = [0, 1, 0, 1, 0, 1, 0, 1];
        Assert.Null(Of(eight, eight, 2));
        Assert.Contains($"{perfect}, which is as good on them", Of([0, 0, 0], [0, 0, 1], 2), StringComparison.Ordinal);
        var refused = Assert.Throws<BuildException>(() => TableOf([0, 1, 0, 1, 0], 2).RequireEnough(
            Constant(2, 5), TestContext.Current.CancellationToken));
        Assert.StartsWith($"On 5 test samples {perfect}; 8 ", refused.Message, StringComparison.Ordinal);
        // Four machines are four however many samples each has, and of one label.
        var machines = TableOf(
            [.. Enumerable.Range(0, 40).Select(sample => sample / 10 % 2L)], 2, [.. Enumerable.Range(0, 40).Select(sample => sample / 10)]);
        Assert.StartsWith($"On 40 test samples {perfect}; 80 ", Assert.Throws<BuildException>(() => machines.RequireEnough(
            Constant(2, 40), TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        TableOf(eight, 2).RequireEnough(Constant(2, 8), TestContext.Current.CancellationToken);
    }

    /// <summary>More than are tried: that no number was found is not that the constant is as good.</summary>
    [Fact]
    public void Samples_by_the_thousands_of_too_few_things_are_told_that_it_takes_more_things()
    {
        const int each = 5_500;
        var refused = Assert.Throws<BuildException>(() => TableOf(
            [.. Enumerable.Range(0, 4 * each).Select(sample => sample / each % 2L)], 2,
            [.. Enumerable.Range(0, 4 * each).Select(sample => sample / each)]).RequireEnough(
                Constant(2, 4 * each), TestContext.Current.CancellationToken));
        Assert.EndsWith("from always 'a'; it would take many more, and of more things where those have a group (data.testShare, "
            + "data.test).", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Error_of_a_gain_is_not_known_of_two_samples_and_never_nothing()
    {
        double? ErrorOf(long[] labels, long[] answers) => TableOf(labels, 2).GainError(
            Constant(2, labels.Length), OneHot(answers, 2), TestContext.Current.CancellationToken);
        Assert.Null(ErrorOf([0, 1], [0, 1]));
        // All right, where always 'a' is always wrong: three in ten may still be otherwise, at 1.959964 standard errors.
        long[] ten = [.. Enumerable.Repeat(1L, 10)];
        Assert.Equal(0.3 / 1.959964, ErrorOf(ten, ten)!.Value, 6);
        // Half right by always 'a': sqrt(0.25 / 100).
        long[] half = [.. Enumerable.Range(0, 100).Select(sample => sample % 2L)];
        Assert.Equal(0.05, ErrorOf(half, half)!.Value, 0.005);
    }

    [Fact]
    public void Variant_may_have_lost_more_than_it_did_on_these_samples()
    {
        long[] labels = [.. Enumerable.Range(0, 40).Select(sample => sample % 2L)];
        double Lost(params long[] answers) => TableOf(labels, 2).MostLost(
            OneHot(labels, 2), OneHot(answers, 2), TestContext.Current.CancellationToken);
        Assert.Equal(0, Lost(labels));
        // 2 of 40 lost, 0.05 with a standard error of 0.034.
        Assert.InRange(Lost([1, 0, .. labels[2..]]), 0.08, 0.16);
        Assert.Equal(double.PositiveInfinity, TableOf([0, 1], 2).MostLost(
            OneHot([0, 1], 2), OneHot([0, 1], 2), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Variant_that_answers_by_chance_is_rejected_however_much_it_may_lose()
    {
        using var folder = new ScratchFolder();
        var data = TinyStudents.Data("conv1d");
        var student = TinyStudents.Save("conv1d", folder);
        float[] Answers(SampleSet samples)
        {
            using var session = OnnxRuntimeSession.Open(student);
            return ModelOutputs.Of(session, samples.Feeds(session.InputNames[0]), TestContext.Current.CancellationToken).Values;
        }
        var table = new FloorTable(data);
        var constant = Constant(data.Classes.Count, data.Test.Count);
        var gain = table.Of(constant, table.Of(Answers(data.Test), TestContext.Current.CancellationToken),
            TestContext.Current.CancellationToken).GainInterval!.Low;
        Assert.InRange(gain, 0.1, 1);
        VariantReport[] Made(SampleSet calibration, string name) => [
            .. new VariantMaker().Make(
                new VariantRequest(student, calibration.Feeds(StudentExport.Input),
                    new HeldOut(data.Test.Feeds(StudentExport.Input), data.Test.Truth(ModelTask.Classification)),
                    VariantSettings.Of(new QuantizationSpec
                    {
                        Profiles = ["x64"],
                        Schemes = ["int8-static-u8s8"],
                        MaximumDrop = 1,
                        Effort = "fast",
                    }, [BuiltInProfiles.X64]), folder.File(name))
                {
                    Constant = new ConstantAnswer(gain, session => table.Uselessness(constant, "It", ModelOutputs.Of(
                        session, data.Test.Feeds(session.InputNames[0]), TestContext.Current.CancellationToken).Values,
                        TestContext.Current.CancellationToken)),
                }, new IgnoredProgress(), TestContext.Current.CancellationToken).Variants,
        ];
        Assert.True(Made(data.Training.Take(32), "good")[0].Accepted);

        // Ranges of samples that say nothing cut off whatever does.
        var silent = data.Training.Take(32);
        Array.Fill(silent.Inputs, data.Training.Inputs.Average());
        var rejected = Made(silent, "silent");
        Assert.False(rejected[0].Accepted);
        Assert.Contains("It has learned nothing", rejected[0].Reasons[0], StringComparison.Ordinal);
        Assert.Equal("fp32", Assert.Single(rejected, variant => variant.Chosen).Scheme);
    }

    private static string? Of(long[] labels, long[] answers, int classes) => TableOf(labels, classes).Uselessness(
        Constant(classes, labels.Length), "The student", OneHot(answers, classes), TestContext.Current.CancellationToken);

    private static FloorTable TableOf(long[] labels, int classes, int[]? origins = null)
    {
        var set = new SampleSet(new float[labels.Length], [1], labels) { Origins = origins };
        return new FloorTable(new DataSet(set, set, set, [.. Enumerable.Range(0, classes).Select(i => $"{(char)('a' + i)}")]));
    }

    private static Floor Constant(int classes, int samples)
        => new(FloorReport.Majority, "always 'a'", OneHot(new long[samples], classes));

    private static float[] OneHot(long[] answers, int classes)
        => [.. answers.SelectMany(answer => Enumerable.Range(0, classes).Select(i => i == answer ? 1f : 0))];
}
