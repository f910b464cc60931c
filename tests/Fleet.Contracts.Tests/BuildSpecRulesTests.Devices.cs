using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Tests;

/// <summary>The rules of a device that times what a search finds.</summary>
public sealed partial class BuildSpecRulesTests
{
    [Theory]
    [InlineData("auto", "desk-1", 5, "x64", null)]
    [InlineData("auto", "Desk 1", 5, "x64", "student.budget.device 'Desk 1' must be")]
    [InlineData("auto", "desk-1", 0, "x64", "student.budget.device 'desk-1' goes with student.family auto")]
    [InlineData("mlp", "desk-1", 0, "x64", "student.budget.device 'desk-1' goes with student.family auto")]
    [InlineData("mlp auto", "desk-1", 5, "x64", "student.budget.device 'desk-1' goes with student.family auto")]
    [InlineData("mlp", "desk-1", 5, "x64", null)]
    [InlineData("auto", "desk-1", 5, "arm-cpu x64",
        "student.budget.device 'desk-1' times files of one profile, and quantization.profiles names 2 (arm-cpu, x64)")]
    public void Device_times_what_a_search_finds_within_a_time_and_for_one_profile(
        string family, string device, double milliseconds, string profiles, string? says)
    {
        var problems = BuildSpecRules.ProblemsOf(new BuildSpec
        {
            Model = "speech",
            Data = new DataSpec { Kind = "vibration", Samples = 1000 },
            Teacher = new TeacherSpec { Family = "conv1d" },
            Student = new StudentSpec
            {
                Family = family.Split(' ')[0],
                Width = family.Contains(' ') ? StudentWidth.Auto : new StudentSpec { Family = "" }.Width,
                Budget = new StudentBudget
                {
                    MaximumBytes = 50_000,
                    MaximumLatencyP95 = milliseconds > 0 ? TimeSpan.FromMilliseconds(milliseconds) : null,
                    Device = device,
                },
            },
            Quantization = new QuantizationSpec { Profiles = profiles.Split(' ') },
        });
        if (says is null) Assert.Empty(problems);
        else Assert.StartsWith(says, Assert.Single(problems), StringComparison.Ordinal);
    }
}
