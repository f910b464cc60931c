namespace Fleet.Contracts.Builds;

public static partial class BuildSpecRules
{
    /// <summary>Families of teachers and students.</summary>
    public static readonly IReadOnlyList<string> Families = ["conv1d", "cnn"];

    private static void JudgeStudent(StudentSpec spec, Problems problems)
    {
        problems.OneOf("student.family", spec.Family, Families);
        problems.Require(spec.Width is >= 4 and <= 1024, $"student.width {spec.Width} must be within 4..1024.");
    }
}
