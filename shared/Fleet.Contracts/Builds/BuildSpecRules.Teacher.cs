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
            "teacher needs one of family (to train one here), onnx or torchScript (a file), and no other.");
        problems.Require(spec.TorchScript is null || data.Task is not ModelTask.Detection,
            "teacher.torchScript answers with one tensor, and a detector with two: give teacher.onnx.");
        if (spec.Family is { } family) JudgeFamily("teacher", family, spec.Depth, data, problems);
        problems.Require(spec.Width is >= 4 and <= 1024, $"teacher.width {spec.Width} must be within 4..1024.");
        JudgeTraining("teacher.training", spec.Training, data.Task ?? ModelTask.Classification, problems);
    }
}
