using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Floors;

namespace Fleet.Modeling.Tests.Floors;

/// <summary>What a gate asks of a student beside its teacher and simple models, and what it leaves to variants.</summary>
public sealed class RelativeGateTests
{
    private static MetricValue Accuracy(double value) => MetricValue.Of(Metric.Accuracy, value);

    private static MetricValue Error(double value) => MetricValue.Of(Metric.RootMeanSquareError, value);

    private static double Room(GateSpec gate, MetricValue student, MetricValue teacher, params MetricValue[] simple)
        => RelativeGate.RoomOf(gate, student, teacher, [.. simple.Select((figure, i) => ($"model {i}", figure))], 100);

    [Fact]
    public void Variants_may_lose_what_the_student_has_to_spare_over_the_tighter_of_both()
    {
        var gate = new GateSpec { BelowTeacher = 0.02, AboveFloor = 0.01 };
        Assert.Equal(0.01, Room(gate, Accuracy(0.95), Accuracy(0.96), Accuracy(0.5), Accuracy(0.9)), 9);
        Assert.Equal(0.02, Room(gate, Accuracy(0.95), Accuracy(0.90), Accuracy(0.92), Accuracy(0.9)), 9);
        Assert.Equal(double.PositiveInfinity, Room(new GateSpec(), Accuracy(0.5), Accuracy(0.9), Accuracy(0.8)));
        Assert.Equal(double.PositiveInfinity, Room(new GateSpec { AboveFloor = 0 }, Accuracy(0.5), Accuracy(0.9)));
    }

    [Fact]
    public void Of_an_error_less_is_better_and_what_is_spare_is_a_share()
    {
        Assert.Equal(0.25, Room(new GateSpec { AboveFloor = 0.5 }, Error(8), Error(7), Error(20), Error(30)), 9);
        Assert.Equal(0.1, Room(new GateSpec { BelowTeacher = 0.1 }, Error(10), Error(10)), 9);
    }

    [Theory]
    [InlineData(0.89, "its accuracy is 0.89 on 100 test samples, and gate.aboveFloor 0 asks for at least 0.9, for model 1 reaches 0.9.")]
    [InlineData(double.NaN, "The student is not good enough")]
    public void Student_below_the_best_simple_model_is_refused_with_the_figures(double student, string said)
        => Assert.Contains(said, Assert.Throws<BuildException>(
            () => Room(new GateSpec { AboveFloor = 0 }, Accuracy(student), Accuracy(1), Accuracy(0.5), Accuracy(0.9))).Message,
            StringComparison.Ordinal);
}
