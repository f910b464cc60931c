using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Search;

/// <summary>What a candidate learns from beside the labels.</summary>
/// <param name="Name">In words, for people and files.</param>
/// <param name="Spec">The losses and their weights.</param>
internal sealed record Lesson(string Name, DistillationSpec Spec)
{
    /// <summary>Shares of the teacher beside the usual one; the smaller one is tried for numbers.</summary>
    private const double More = 0.9, Less = 0.3;

    /// <summary>A temperature that leaves the teacher as sure as it is.</summary>
    private const double Plain = 1;

    /// <summary>As the benchmark of losses has it, where it was the best on little data (distillation-losses.md).</summary>
    private static readonly LossSpec Decoupled = new() { Loss = "dkd", Weight = 0.5, Temperature = 4, Beta = 2 };

    /// <summary>True where a spec says nothing of losses and weights.</summary>
    public static bool IsOpen(DistillationSpec asked)
        => asked is { Losses.Count: 0, Labels: null } && asked.Alpha == new DistillationSpec().Alpha
            && asked.Temperature == new DistillationSpec().Temperature;

    /// <summary>What is tried where losses are open: the usual one, then others, the most promising first.</summary>
    /// <param name="asked">The spec as it is.</param>
    /// <param name="data">The samples.</param>
    public static IReadOnlyList<Lesson> For(DistillationSpec asked, DataSet data)
    {
        Lesson With(double alpha, double temperature) => new(
            data.Task == ModelTask.Regression ? FormattableString.Invariant($"{alpha} teacher")
                : FormattableString.Invariant($"{alpha} teacher at temperature {temperature}"),
            asked with { Alpha = alpha, Temperature = temperature });
        var (usual, alpha, temperature) = (With(asked.Alpha, asked.Temperature), asked.Alpha, asked.Temperature);
        return data.Training.Labels switch
        {
            ValueLabels => [usual, With(More, temperature), With(Less, temperature)],
            ClassLabels when data.Classes.Count > 2
                => [usual, new Lesson("decoupled", asked with { Losses = [Decoupled] }), With(More, temperature), With(alpha, Plain)],
            _ => [usual, With(More, temperature), With(alpha, Plain)],
        };
    }
}
