namespace Fleet.Contracts.Builds;

public static partial class BuildSpecRules
{
    private static void JudgeTeacher(TeacherSpec spec, DataSpec data, Problems problems)
    {
        problems.Require(spec.Onnx is null != spec.Family is null, "teacher needs either family (to train one here) or onnx (a file), and not both.");
        if (spec.Family is { } family) JudgeFamily("teacher", family, spec.Depth, data, problems);
        problems.Require(spec.Width is >= 4 and <= 1024, $"teacher.width {spec.Width} must be within 4..1024.");
        JudgeTraining("teacher.training", spec.Training, problems);
    }
}
