using System.Globalization;
using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Canary;

/// <summary>What evidence amounts to. Pure.</summary>
internal static class CanaryRules
{
    /// <summary>Judges every metric of a plan, each at its share of the plan's significance.</summary>
    public static IReadOnlyList<CanaryFinding> Judge(CanaryPlan plan, CanaryEvidence evidence)
        => [.. evidence.Metrics.Select(metric => Judge(metric, Level(plan)))];

    /// <summary>Evidence that a metric needs: with m metrics, m/α bounds the chance that any of them reaches it by α.</summary>
    public static double Level(CanaryPlan plan) => plan.Metrics.Count / plan.Significance;

    /// <summary>A sentence for a finding that stops a rollout.</summary>
    public static string Sentence(CanaryFinding finding) => string.Create(CultureInfo.InvariantCulture,
        $"Canary: {finding.Metric} of {finding.Devices} devices with the release is worse by {finding.InWords(finding.Change)}, at least "
            + $"{finding.InWords(finding.AtLeast ?? finding.Tolerance)}, than of {finding.Incumbents} that wait for it; "
            + $"{finding.InWords(finding.Tolerance)} may be (evidence {finding.Evidence:0}, {finding.Needed:0} suffices).");

    private static CanaryFinding Judge(MetricEvidence evidence, double needed)
    {
        // A crossing that is itself a matter of chance may leave gaps in the grid: an interval is what holds for all that is nearer.
        var level = Math.Log(needed);
        var above = evidence.Above.TakeWhile(each => each.Peak >= level).Count();
        var below = evidence.Below.Reverse().TakeWhile(each => each.Peak >= level).Count();
        var atTolerance = evidence.Changes.ToList().IndexOf(evidence.Tolerance);
        var peak = evidence.Above[atTolerance].Peak;
        double? atMost = below == 0 ? null : evidence.Changes[^below];
        return new CanaryFinding(evidence.Metric, (peak >= level, atMost <= evidence.Tolerance, evidence.Moves.Count) switch
        {
            (true, _, _) => CanaryVerdict.Worse,
            (_, true, _) => CanaryVerdict.NotWorse,
            (_, _, 0) => CanaryVerdict.CannotJudge,
            _ => CanaryVerdict.Undecided,
        })
        {
            Tolerance = evidence.Tolerance,
            Evidence = Math.Exp(Math.Min(peak, 300)),
            Needed = needed,
            Change = evidence.Moves.Count == 0 ? 0
                : CanaryMetric.All[evidence.Metric].FromScale(MetricEvidence.Median([.. evidence.Moves])),
            AtLeast = above == 0 ? null : evidence.Changes[above - 1],
            AtMost = atMost,
            Devices = evidence.Moves.Count,
            Requests = evidence.Requests,
            Incumbents = evidence.Pool,
        };
    }
}
