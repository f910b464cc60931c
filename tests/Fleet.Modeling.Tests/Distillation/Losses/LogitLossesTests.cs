using Fleet.Contracts.Builds;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Distillation.Losses;

/// <summary>The losses on logits against their formulas in plain doubles.</summary>
public sealed class LogitLossesTests
{
    private const int Samples = 5, Classes = 4;

    private static readonly double[][] Student = Plain.Rows(Samples, Classes, 1), Teacher = Plain.Rows(Samples, Classes, 2);
    private static readonly long[] Labels = [2, 0, 3, 3, 1];

    public LogitLossesTests() => NativeEnvironment.Prepare();

    private static double Of(LossSpec spec, double[][] student, double[][] teacher)
    {
        using var scope = NewDisposeScope();
        using var loss = Plain.Loss(spec);
        return loss.Of(new LossInputs(Plain.Of(student), Plain.Of(teacher), tensor(Labels))).ToDouble();
    }

    private static void CheckGradient(LossSpec spec)
    {
        using var loss = Plain.Loss(spec);
        Plain.CheckGradient([.. Student.SelectMany(row => row)], [Samples, Classes],
            student => loss.Of(new LossInputs(student, Plain.Of(Teacher), tensor(Labels))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Logit_is_the_squared_temperature_times_the_divergence_of_the_softened_distributions(double temperature)
    {
        var expected = Student.Zip(Teacher)
            .Average(pair => Plain.Divergence(Plain.Softmax(pair.Second.Over(temperature)), Plain.Softmax(pair.First.Over(temperature))))
                * temperature * temperature;
        Assert.Equal(expected, Of(new LossSpec { Loss = "logit", Temperature = temperature }, Student, Teacher), 12);
    }

    // Computed outside .NET from the formula, with exp and log alone.
    [Fact]
    public void Logit_gives_a_known_value()
    {
        using var scope = NewDisposeScope();
        var inputs = new LossInputs(tensor(new double[,] { { 1, 2, 3 }, { 0.5, -1, 2 } }),
            tensor(new double[,] { { 2, 1, 0 }, { 0, 0, 1 } }), tensor(new long[] { 2, 0 }));
        Assert.Equal(0.685070620988351, new LogitLoss(1).Of(inputs).ToDouble(), 12);
    }

    [Theory]
    [InlineData(1, 1, 8)]
    [InlineData(4, 0.5, 2)]
    public void Dkd_is_the_target_against_the_rest_and_the_rest_among_itself(double temperature, double alpha, double beta)
    {
        var expected = Enumerable.Range(0, Samples).Average(sample =>
        {
            var target = (int)Labels[sample];
            double[] Others(double[] logits) => [.. logits.Where((_, place) => place != target)];
            var (t, s) = (Teacher[sample].Over(temperature), Student[sample].Over(temperature));
            var (pt, ps) = (Plain.Softmax(t)[target], Plain.Softmax(s)[target]);
            return alpha * Plain.Divergence([pt, 1 - pt], [ps, 1 - ps])
                + beta * Plain.Divergence(Plain.Softmax(Others(t)), Plain.Softmax(Others(s)));
        }) * temperature * temperature;
        Assert.Equal(expected, Of(new LossSpec { Loss = "dkd", Temperature = temperature, Alpha = alpha, Beta = beta }, Student, Teacher),
            12);
    }

    // The paper's reformulation (equation 6): plain distillation is TCKD + (1 - p_target of the teacher) NCKD, sample by sample.
    [Fact]
    public void Dkd_adds_up_to_plain_distillation_when_the_rest_is_weighed_as_there()
    {
        double[][] student = [Student[0]], teacher = [Teacher[0]];
        var rest = 1 - Plain.Softmax(teacher[0])[Labels[0]];
        using var scope = NewDisposeScope();
        var inputs = new LossInputs(Plain.Of(student), Plain.Of(teacher), tensor(Labels[..1]));
        Assert.Equal(new LogitLoss(1).Of(inputs).ToDouble(), new DecoupledLoss(1, 1, rest).Of(inputs).ToDouble(), 12);
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(4, 2, 0.5)]
    public void Dist_is_one_less_the_correlation_between_rows_and_between_columns(double temperature, double beta, double gamma)
    {
        double[][] s = [
            .. Student.Select(row => Plain.Softmax(row.Over(temperature))),
        ], t = [.. Teacher.Select(row => Plain.Softmax(row.Over(temperature)))];
        double[][] Columns(double[][] rows)
            => [.. Enumerable.Range(0, Classes).Select(column => rows.Select(row => row[column]).ToArray())];
        double Pearson(double[] a, double[] b)
        {
            var (x, y) = (a.Select(value => value - a.Average()).ToArray(), b.Select(value => value - b.Average()).ToArray());
            return Plain.Dot(x, y) / (x.Norm() * y.Norm());
        }
        double Distance(double[][] a, double[][] b) => 1 - a.Zip(b).Average(pair => Pearson(pair.First, pair.Second));
        var expected = temperature * temperature * (beta * Distance(s, t) + gamma * Distance(Columns(s), Columns(t)));
        Assert.Equal(expected, Of(new LossSpec { Loss = "dist", Temperature = temperature, Beta = beta, Gamma = gamma }, Student, Teacher),
            7);
    }

    [Theory]
    [InlineData("logit")]
    [InlineData("dkd")]
    [InlineData("dist")]
    public void Loss_of_a_student_that_equals_its_teacher_is_zero(string loss)
        => Assert.Equal(0, Of(new LossSpec { Loss = loss }, Teacher, Teacher), 7);

    [Theory]
    [InlineData("logit")]
    [InlineData("dkd")]
    [InlineData("dist")]
    public void Gradient_is_that_of_finite_differences(string loss) => CheckGradient(new LossSpec { Loss = loss });

    // A teacher that is sure of its class must not turn the loss into no number.
    [Theory]
    [InlineData("logit")]
    [InlineData("dkd")]
    [InlineData("dist")]
    public void Loss_stays_a_number_where_the_teacher_is_sure(string loss)
    {
        using var scope = NewDisposeScope();
        using var measured = Plain.Loss(new LossSpec { Loss = loss, Temperature = 1 });
        var student = tensor(new float[] { 0, 0, 0, 90, 0, 0 }, [2, 3]).requires_grad_();
        var value = measured.Of(new LossInputs(student, tensor(new float[] { 120, 0, 0, 0, 0, 150 }, [2, 3]), tensor(new long[] { 0, 2 })));
        value.backward();
        Assert.True(double.IsFinite(value.ToDouble()), $"{value.ToDouble()}");
        Assert.All(student.grad!.data<float>().ToArray(), gradient => Assert.True(float.IsFinite(gradient)));
    }
}
