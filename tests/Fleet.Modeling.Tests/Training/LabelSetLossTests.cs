using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Floors;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Training;

/// <summary>What is learned where samples have several labels, against values counted by hand and by slopes.</summary>
public sealed class LabelSetLossTests
{
    private static readonly LabelSets Labels = new([1, 0, 1, 0, 1, 0], 3);
    private static readonly double[] Student = [1.5, -0.3, 0.2, -2, 0.7, 1], Teacher = [3, -1, 0.5, -1, 2, -0.4];

    public LabelSetLossTests() => NativeEnvironment.Prepare();

    private static double Sigmoid(double logit) => 1 / (1 + Math.Exp(-logit));

    private static Tensor Rows(double[] values, bool learns = false) => tensor(values, [2L, 3L], requires_grad: learns);

    private static Tensor OfLabels(Tensor outputs, double? focal)
        => LabelLoss.Of(Labels, new TrainingSpec { Focal = focal }).Of(outputs, tensor(Labels.Given, [2L, 3L]).to_type(ScalarType.Float64));

    private static Tensor OfTeacher(Tensor outputs) => DistillationLosses.ByName["logit"](
        new LossSetup(new LossSpec { Loss = "logit", Temperature = 2 }, [], Labels, 1))
        .Of(new LossInputs(outputs, Rows(Teacher), zeros(2)));

    [Theory]
    [InlineData(null)]
    [InlineData(2.0)]
    public void Labels_are_learned_by_binary_cross_entropy_with_a_focus_or_without(double? focal)
    {
        using var scope = NewDisposeScope();
        var expected = Enumerable.Range(0, 6).Average(i =>
        {
            var right = Labels.Given[i] > 0 ? Sigmoid(Student[i]) : 1 - Sigmoid(Student[i]);
            return -Math.Pow(1 - right, focal ?? 0) * Math.Log(right);
        });
        Assert.Equal(expected, OfLabels(Rows(Student), focal).ToDouble(), 9);
    }

    [Fact]
    public void Teacher_is_followed_by_the_divergence_of_each_answer()
    {
        using var scope = NewDisposeScope();
        var expected = 4 * Enumerable.Range(0, 6).Average(i =>
        {
            var (p, q) = (Sigmoid(Teacher[i] / 2), Sigmoid(Student[i] / 2));
            return p * Math.Log(p / q) + (1 - p) * Math.Log((1 - p) / (1 - q));
        });
        Assert.Equal(expected, OfTeacher(Rows(Student)).ToDouble(), 9);
        Assert.Equal(0, OfTeacher(Rows(Teacher)).ToDouble(), 12);
    }

    [Theory]
    [InlineData("labels")]
    [InlineData("focal")]
    [InlineData("teacher")]
    public void Slope_is_that_of_finite_differences(string loss)
    {
        using var scope = NewDisposeScope();
        Tensor Of(Tensor outputs) => loss == "teacher" ? OfTeacher(outputs) : OfLabels(outputs, loss == "focal" ? 1.5 : null);
        var outputs = Rows(Student, learns: true);
        Of(outputs).backward();
        var slopes = outputs.grad!.data<double>().ToArray();
        for (var i = 0; i < 6; i++)
        {
            double At(double step) => Of(Rows([.. Student.Index().Select(one => one.Item + (one.Index == i ? step : 0))])).ToDouble();
            Assert.Equal((At(1e-6) - At(-1e-6)) / 2e-6, slopes[i], 7);
        }
    }

    [Fact]
    public void Held_out_samples_are_judged_one_by_one()
    {
        var samples = new SampleSet(new float[2], [1], Labels);
        var losses = HeldOutLoss.Of([.. Student.Select(value => (float)value)], samples, samples);
        Assert.Equal(Enumerable.Range(0, 3).Average(i => Math.Pow(Sigmoid(Student[i]) - Labels.Given[i], 2)), losses[0], 6);
    }

    [Fact]
    public void Floor_always_gives_the_set_that_is_right_most_often()
    {
        // Of ten samples nine have the first label, six the second, one the third: both of the first two are 30 of 36.
        float[] given = [.. Enumerable.Range(0, 10).SelectMany(i => new[] { i < 9 ? 1f : 0, i < 6 ? 1f : 0, i == 9 ? 1f : 0 })];
        var samples = new SampleSet(Enumerable.Range(0, 10).Select(i => (float)i).ToArray(), [1], new LabelSets(given, 3));
        var data = new DataSet(samples, samples.Take(0), samples, ["a", "b", "c"]) { Task = ModelTask.MultiLabel };
        var floors = new SimpleModels(data, Normalization.Measure(samples), 1)
            .Answers(new Fleet.Quantization.Progress(new IgnoredProgress(), "floors", 0, 1), CancellationToken.None).ToArray();
        Assert.Equal("always 'a' and 'b'", floors[0].Description);
        Assert.Equal(30.0 / 36, samples.Labels.Score(floors[0].Outputs)[0].Value, 9);
        // The nearest training sample is the sample itself here.
        Assert.Equal(1, samples.Labels.Score(floors.Single(floor => floor.Name == "nearest").Outputs)[0].Value);
    }
}
