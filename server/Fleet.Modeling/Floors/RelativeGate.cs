using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Modeling.Floors;

/// <summary>
/// What a gate asks of a student beside others: to be not much worse than its teacher, and better than every simple model. Judged on the
/// test samples; what a student has to spare is what its variants may lose.
/// </summary>
internal static class RelativeGate
{
    /// <summary>What sums of shares are off by.</summary>
    private const double Rounding = 1e-9;

    /// <summary>
    /// How much worse than the student a variant may be, as <see cref="Threshold.Allowing"/> counts: infinity where the gate compares with
    /// nothing.
    /// </summary>
    /// <param name="gate">What is asked.</param>
    /// <param name="student">The student's figure that decides.</param>
    /// <param name="teacher">The teacher's; null where nobody taught.</param>
    /// <param name="simple">Those of the simple models, by what they are.</param>
    /// <param name="samples">Test samples, for a sentence.</param>
    /// <exception cref="BuildException">The student itself is not good enough.</exception>
    public static double RoomOf(
        GateSpec gate, MetricValue student, MetricValue? teacher, IReadOnlyList<(string Name, MetricValue Figure)> simple, int samples)
    {
        var room = double.PositiveInfinity;
        if (gate.BelowTeacher is { } below && teacher is not null)
            Ask(Threshold.Allowing(teacher, below), $"gate.belowTeacher {below}", "the teacher", teacher);
        if (gate.AboveFloor is { } above && simple.Count > 0)
        {
            var (name, best) = simple.MaxBy(one => one.Figure.Goodness());
            Ask(Threshold.Allowing(best, -above), $"gate.aboveFloor {above}", name, best);
        }
        return room;

        void Ask(Threshold limit, FormattableString key, string other, MetricValue figure)
        {
            var spare = limit.Minimum is { } least ? student.Value - least : limit.Maximum!.Value - student.Value;
            if (!(spare >= -Rounding))
                throw new BuildException(
                    $"The student is not good enough: its {Threshold.Lowered(student.Title())} is {student.Text()} on {samples} test "
                        + $"samples, and {FormattableString.Invariant(key)} asks for {Limit(limit, student)}, for {other} reaches "
                        + $"{figure.Text()}. Try a wider student, more steps, augmentation or more samples, or ask for less.");
            spare = Math.Max(0, spare);
            room = Math.Min(room, student.Unit == Units.Ratio ? spare : spare / Math.Max(Math.Abs(student.Value), double.Epsilon));
        }
    }

    private static string Limit(Threshold limit, MetricValue figure) => limit.Minimum is { } least
        ? $"at least {Units.Text(least, figure.Unit)}" : $"at most {Units.Text(limit.Maximum!.Value, figure.Unit)}";
}
