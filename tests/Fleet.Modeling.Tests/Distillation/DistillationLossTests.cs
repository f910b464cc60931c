using Fleet.Modeling.Distillation;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Distillation;

public sealed class DistillationLossTests
{
    private static readonly double[,] Student = { { 1, 2, 3 }, { 0.5, -1, 2 } };
    private static readonly double[,] Teacher = { { 2, 1, 0 }, { 0, 0, 1 } };
    private static readonly long[] Labels = [2, 0];

    public DistillationLossTests() => NativeEnvironment.Prepare();

    // Computed outside .NET from the formula, with exp and log alone.
    [Theory]
    [InlineData(4, 0.7, 0.9028953244456029)]
    [InlineData(1, 1, 0.685070620988351)]
    [InlineData(2, 0.25, 1.0040146809600614)]
    [InlineData(4, 0, 1.0744586305507688)]
    public void Loss_is_the_published_formula_averaged_over_the_batch(double temperature, double alpha, double expected)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected, DistillationLoss.Of(tensor(Student), tensor(Teacher), tensor(Labels), temperature, alpha).ToDouble(), 12);
    }

    [Fact]
    public void Loss_of_a_student_that_equals_its_teacher_is_zero_without_labels()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0, DistillationLoss.Of(tensor(Teacher), tensor(Teacher), tensor(Labels), 4, 1).ToDouble(), 12);
    }

    [Fact]
    public void Gradient_is_that_of_finite_differences()
    {
        using var scope = NewDisposeScope();
        var student = tensor(Student).requires_grad_();
        DistillationLoss.Of(student, tensor(Teacher), tensor(Labels), 4, 0.7).backward();
        double[] expected = [-0.2174306487634503, 0.03670927051224737, 0.18072137808466948, -0.10447625686804685, -0.11422689583096002, 0.21870315169980614];
        var gradient = student.grad!.data<double>().ToArray();
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], gradient[i], 7);
    }
}
