using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>teacher</c>: one that is trained, or one that is read from a file.</summary>
public static partial class BuildSpecRules
{
    /// <summary>Where training may run.</summary>
    public static readonly IReadOnlyList<string> Devices = ["auto", "cpu", "cuda"];

    private static void JudgeTeacher(TeacherSpec spec, DataSpec data, Problems problems)
    {
        problems.Require(((string?[])[spec.Onnx, spec.TorchScript, spec.Family]).Count(source => source is not null) == 1,
            "teacher needs one of family (to train one here), onnx or torchScript (a file), and no other; teacher: none is for a student "
                + "that learns from the labels alone.");
        problems.Require(spec.TorchScript is null || data.Task is not ModelTask.Detection,
            "teacher.torchScript answers with one tensor, and a detector with two: give teacher.onnx.");
        if (spec.TrainedFamily is { } family) JudgeFamily("teacher", family, spec.Depth, data, problems);
        problems.Require(spec.Width is >= 4 and <= 1024, $"teacher.width {spec.Width} must be within 4..1024.");
        JudgeTraining("teacher.training", spec.Training, data.Task ?? ModelTask.Classification, problems);
    }

    // What needs somebody to ask.
    private static void JudgeNoTeacher(BuildSpec spec, Problems problems)
    {
        if (spec.Teacher is not { IsNone: true }) return;
        foreach (var (key, isAsked) in (ReadOnlySpan<(string, bool)>)[
            ("distillation.losses", spec.Distillation.Losses.Count > 0), ("data.unlabelled", spec.Data?.Unlabelled is not null),
            ("gate.belowTeacher", spec.Gate.BelowTeacher is not null),
            ("quantizationAware.method " + spec.QuantizationAware?.Method, spec.QuantizationAware is { Method: not "qat" }),
        ])
            problems.Require(!isAsked, $"{key} needs a teacher, and teacher is none; leave it out, or give a teacher.");
    }
}
