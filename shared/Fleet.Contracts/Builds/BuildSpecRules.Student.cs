using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>student</c>: its family, its width and its budget.</summary>
public static partial class BuildSpecRules
{
    /// <summary>Families of teachers and students.</summary>
    public static readonly IReadOnlyList<string> Families =
    [
        "linear", "mlp", "conv1d", "conv1d-residual", "tcn", "gru", "random-kernels", "cnn", "cnn-separable", "cnn-residual", "detector",
        "text-cnn", "encoder", "prototypes",
    ];

    private static void JudgeStudent(StudentSpec spec, DataSpec data, Problems problems)
    {
        JudgeFamily("student", spec.Family, spec.Depth, data, problems);
        problems.Require(spec.Width.IsAuto || spec.Width.Value is >= 4 and <= 1024,
            $"student.width {spec.Width} must be within 4..1024, or auto.");
        if (spec.IsSearched)
        {
            problems.Require(spec.Width.IsAuto || spec.Width == new StudentSpec { Family = spec.Family }.Width,
                $"student.width {spec.Width} is for a family that is named; family auto finds its width: leave it out.");
            problems.Require(spec.Depth is null,
                $"student.depth {spec.Depth} is for a family that is named; family auto finds its depth: leave it out.");
        }
        problems.Require(spec.Minutes is null || spec.IsSearched, "student.minutes is for student.family auto: nothing else is searched.");
        problems.Require(spec.Minutes is null or (> 0 and <= 1440),
            $"student.minutes {spec.Minutes} must be above 0 and at most 1440, a day of processor time.");
        problems.Require(
            spec.IsSearched || !spec.Width.IsAuto || spec.Budget is { MaximumBytes: not null } or { MaximumLatencyP95: not null },
            "student.budget must name maximumBytes or maximumLatencyP95 for student.width auto.");
        problems.Require(spec.Budget?.MaximumBytes is null or >= 1024,
            $"student.budget.maximumBytes {spec.Budget?.MaximumBytes} must be at least 1024.");
        problems.Require(spec.Budget?.MaximumLatencyP95 is not { } latency
            || (latency > TimeSpan.Zero && latency <= TimeSpan.FromMinutes(1)),
                $"student.budget.maximumLatencyP95 {spec.Budget?.MaximumLatencyP95} must be above zero and at most a minute.");
    }

    private static void JudgeDevice(StudentSpec spec, QuantizationSpec quantization, Problems problems)
    {
        if (spec.Budget?.Device is not { } device) return;
        problems.Require(Names.IsName(device), $"student.budget.device '{device}' must be {Names.Rule}.");
        // A spec that was found keeps it beside the family and the width.
        problems.Require(spec.Budget.MaximumLatencyP95 is not null && (spec.IsSearched || !spec.Width.IsAuto),
            $"student.budget.device '{device}' goes with student.family auto, or the family and width that it found, and "
                + "student.budget.maximumLatencyP95.");
        problems.Require(quantization.Profiles.Count <= 1,
            $"student.budget.device '{device}' times files of one profile, and quantization.profiles names {quantization.Profiles.Count} "
                + $"({string.Join(", ", quantization.Profiles)}): name the one of that device alone.");
    }

    private static void JudgeFamily(string key, string family, int? depth, DataSpec data, Problems problems)
    {
        problems.OneOf($"{key}.family", family, [.. Families, StudentSpec.Auto]);
        problems.Require((family == "detector") == (data.Task is ModelTask.Detection) || !Families.Contains(family),
            $"{key}.family '{family}' does not go with data.task '{Word(data.Task ?? ModelTask.Classification)}': a detector finds boxes, "
                + "and boxes need a detector.");
        problems.Require(depth is null || family is "mlp" or "cnn" or "detector" or "encoder" or StudentSpec.Auto,
            $"{key}.depth is for the families mlp, cnn, detector and encoder; '{family}' has a depth of its own.");
        problems.Require(depth is null or (>= 1 and <= 24), $"{key}.depth {depth} must be within 1..24.");
        problems.Require(ReadsText(family) == (data.Kind == "text") || data.Kind == DataSpec.Auto || !Families.Contains(family),
            $"{key}.family '{family}' does not go with data.kind '{data.Kind}': text-cnn and encoder read text, and "
                + "nothing else does.");
    }

    private static bool ReadsText(string family) => family is "text-cnn" or "encoder";
}
