using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>student</c>: its family, its width and its budget.</summary>
public static partial class BuildSpecRules
{
    /// <summary>Families of teachers and students.</summary>
    public static readonly IReadOnlyList<string> Families = ["mlp", "conv1d", "cnn", "cnn-separable", "detector", "encoder"];

    private static void JudgeStudent(StudentSpec spec, DataSpec data, Problems problems)
    {
        JudgeFamily("student", spec.Family, spec.Depth, data, problems);
        problems.Require(spec.Width.IsAuto || spec.Width.Value is >= 4 and <= 1024,
            $"student.width {spec.Width} must be within 4..1024, or auto.");
        problems.Require(!spec.Width.IsAuto || spec.Budget is { MaximumBytes: not null } or { MaximumLatencyP95: not null },
            "student.budget must name maximumBytes or maximumLatencyP95 for student.width auto.");
        problems.Require(spec.Width.IsAuto || spec.Budget is null,
            $"student.budget is for student.width auto; {spec.Width} is a width already.");
        problems.Require(spec.Budget?.MaximumBytes is null or >= 1024,
            $"student.budget.maximumBytes {spec.Budget?.MaximumBytes} must be at least 1024.");
        problems.Require(spec.Budget?.MaximumLatencyP95 is not { } latency
            || (latency > TimeSpan.Zero && latency <= TimeSpan.FromMinutes(1)),
                $"student.budget.maximumLatencyP95 {spec.Budget?.MaximumLatencyP95} must be above zero and at most a minute.");
    }

    private static void JudgeFamily(string key, string family, int? depth, DataSpec data, Problems problems)
    {
        problems.OneOf($"{key}.family", family, Families);
        problems.Require((family == "detector") == (data.Task is ModelTask.Detection) || !Families.Contains(family),
            $"{key}.family '{family}' does not go with data.task '{Word(data.Task ?? ModelTask.Classification)}': a detector finds boxes, "
                + "and boxes need a detector.");
        problems.Require(depth is null || family is "mlp" or "cnn" or "detector" or "encoder",
            $"{key}.depth is for the families mlp, cnn, detector and encoder; '{family}' has a depth of its own.");
        problems.Require(depth is null or (>= 1 and <= 24), $"{key}.depth {depth} must be within 1..24.");
        problems.Require(family == "encoder" == (data.Kind == "text") || data.Kind == DataSpec.Auto || !Families.Contains(family),
            $"{key}.family '{family}' does not go with data.kind '{data.Kind}': an encoder reads text, and text needs an encoder.");
    }
}
