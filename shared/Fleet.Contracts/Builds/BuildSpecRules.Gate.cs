using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>gate</c>: what a device must measure before it commits.</summary>
public static partial class BuildSpecRules
{
    private static void JudgeRelativeGate(BuildSpec spec, Problems problems)
    {
        foreach (var (key, value) in (ReadOnlySpan<(string, double?)>)[
            ("gate.belowTeacher", spec.Gate.BelowTeacher), ("gate.aboveFloor", spec.Gate.AboveFloor),
        ])
        {
            if (value is not { } asked) continue;
            problems.Require(asked is >= 0 and <= 1, FormattableString.Invariant($"{key} {asked} must be within 0..1."));
            problems.Require(spec.Source is null,
                $"{key} compares a student with others, of which a build of a given model has none; leave it out.");
            problems.Require(spec.Data?.Task != ModelTask.Detection,
                $"{key} is for classes and numbers; say in gate.thresholds what a detector must reach.");
        }
    }

    private static void JudgeGate(GateSpec spec, Problems problems)
    {
        problems.Require(spec.AccuracyTolerance is >= 0 and <= 1, $"gate.accuracyTolerance {spec.AccuracyTolerance} must be within 0..1.");
        var thresholds = spec.Thresholds ?? [];
        problems.Require(thresholds.Count <= Limits.MetricsPerScores,
            $"gate.thresholds has {thresholds.Count} limits; at most {Limits.MetricsPerScores} are allowed.");
        foreach (var threshold in thresholds)
        {
            problems.OneOf("gate.thresholds.metric", threshold.Metric, [.. Metric.All.Keys.Order(StringComparer.Ordinal)]);
            if (ThresholdRules.ProblemOf(threshold) is { } problem) problems.Require(false, $"gate.thresholds: {problem}");
        }
        foreach (var twice in thresholds.GroupBy(threshold => threshold.Metric).Where(group => group.Count() > 1))
            problems.Require(false, $"gate.thresholds names {twice.Key} {twice.Count()} times; one limit holds a minimum and a maximum.");
        problems.Require(spec.ValidationSamples is >= 1 and <= 100_000,
            $"gate.validationSamples {spec.ValidationSamples} must be within 1..100000.");
    }
}
