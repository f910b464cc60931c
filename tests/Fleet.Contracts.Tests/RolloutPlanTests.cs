using Fleet.Contracts.Rollouts;

namespace Fleet.Contracts.Tests;

public sealed class RolloutPlanTests
{
    private static readonly Dictionary<string, (Func<RolloutPlan, RolloutPlan> Break, string Says)> Rows = new()
    {
        ["model"] = (plan => plan with { Model = "" }, "model '' must be"),
        ["version"] = (plan => plan with { Version = 0 }, "version 0 must be at least 1"),
        ["model and releases"] = (
            plan => plan with { Releases = [new PlannedRelease("sound", 1)] }, "either model and version, or releases"),
        ["no releases"] = (plan => Several(plan), "releases: 1 to 16 are allowed, not 0"),
        ["releases too many"] = (
            plan => Several(plan, [.. Enumerable.Range(1, 17).Select(i => new PlannedRelease($"m{i}", 1))]), "not 17"),
        ["a model twice"] = (plan => Several(plan, new("a", 1), new("b", 1), new("a", 2)), "model 'a' is named twice"),
        ["a release without a number"] = (plan => Several(plan, new("a", 1), new("b", 0)), "version 0 must be at least 1"),
        ["filter"] = (plan => plan with { Filter = "colour=red" }, "Filter term 'colour=red'"),
        ["no waves"] = (plan => plan with { Waves = [] }, "waves: 1 to 50 are allowed, not 0"),
        ["a wave too many"] = (plan =>
            plan with { Waves = [.. Enumerable.Range(1, Limits.WavesPerRollout + 1).Select(i => new WavePlan { Count = i })] }, "not 51"),
        ["percent and count"] = (
            plan => plan with { Waves = [new WavePlan { Percent = 5, Count = 1 }] }, "one of percent, count and filter"),
        ["neither percent nor count"] = (plan => plan with { Waves = [new WavePlan()] }, "one of percent, count and filter"),
        ["percent of zero"] = (plan => plan with { Waves = [new WavePlan { Percent = 0 }] }, "percent must be above 0"),
        ["percent beyond all"] = (plan => plan with { Waves = [new WavePlan { Percent = 100.1 }] }, "at most 100"),
        ["percent that is not a number"] =
            (plan => plan with { Waves = [new WavePlan { Percent = double.NaN }] }, "percent must be above 0"),
        ["count of zero"] = (plan => plan with { Waves = [new WavePlan { Count = 0 }] }, "count must be at least 1"),
        ["percent that does not grow"] = (plan => plan with { Waves = [new WavePlan { Percent = 25 }, new WavePlan { Percent = 25 }] },
            "waves[1].percent must be greater than waves[0].percent"),
        ["count that shrinks"] = (plan => plan with { Waves = [new WavePlan { Count = 5 }, new WavePlan { Count = 4 }] },
            "waves[1].count must be greater than waves[0].count"),
        ["failure rate"] = (plan => plan with { MaximumFailureRate = 1.1 }, "maximumFailureRate 1.1 must be within 0..1"),
        ["failure rate that is not a number"] = (plan => plan with { MaximumFailureRate = double.NaN }, "maximumFailureRate NaN"),
        ["minimum finished"] = (plan => plan with { MinimumFinished = 0 }, "minimumFinished 0"),
        ["phase deadline"] = (plan => plan with { PhaseDeadline = TimeSpan.Zero }, "phaseDeadline must be above zero"),
        ["soak time"] = (plan => plan with { SoakTime = TimeSpan.FromTicks(-1) }, "soakTime must not be negative"),
    };

    public static TheoryData<string> Broken => [.. Rows.Keys];

    [Fact]
    public void Plan_of_one_release_is_a_list_of_one_however_it_is_named()
    {
        var plan = Samples.Plan();
        Assert.Equal([new PlannedRelease(plan.Model!, plan.Version!.Value)], plan.Moved());
        Assert.Equal("vibration 3", plan.ReleasesInWords());
        var several = Several(plan, new("a", 1), new("b", 2), new("c", 3));
        Assert.Empty(several.Problems());
        Assert.Equal("a 1, b 2 and c 3", several.ReleasesInWords());
        Assert.Equal("a 1", Several(plan, new PlannedRelease("a", 1)).ReleasesInWords());
    }

    private static RolloutPlan Several(RolloutPlan plan, params IReadOnlyList<PlannedRelease> releases)
        => plan with { Model = null, Version = null, Releases = releases };

    [Fact]
    public void Sample_plan_breaks_no_rule() => Assert.Empty(Samples.Plan().Problems());

    [Theory]
    [MemberData(nameof(Broken))]
    public void Broken_rule_is_named_once(string rule)
        => Assert.Contains(Rows[rule].Says, Assert.Single(Rows[rule].Break(Samples.Plan()).Problems()), StringComparison.Ordinal);

    [Fact]
    public void All_that_is_wrong_is_told_at_once()
    {
        string[] together = ["model", "version", "filter", "no waves", "failure rate", "minimum finished", "phase deadline", "soak time"];
        Assert.Equal(together.Length, together.Aggregate(Samples.Plan(), (plan, rule) => Rows[rule].Break(plan)).Problems().Count);
    }

    [Fact]
    public void Limits_themselves_are_allowed() => Assert.Empty((Samples.Plan() with
    {
        Filter = "",
        Waves = [.. Enumerable.Range(1, Limits.WavesPerRollout).Select(i => new WavePlan { Percent = i * 2 })],
        MaximumFailureRate = 0,
        SoakTime = TimeSpan.Zero,
        PhaseDeadline = TimeSpan.FromTicks(1),
    }).Problems());
}
