using System.Globalization;
using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Canary;

/// <summary>What evidence amounts to. Pure.</summary>
internal static class CanaryRules
{
    /// <summary>Judges every metric of a plan, each at its share of the plan's significance.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="evidence">What was seen of one model.</param>
    /// <param name="models">Models that the rollout moves.</param>
    public static IReadOnlyList<CanaryFinding> Judge(CanaryPlan plan, CanaryEvidence evidence, int models = 1)
        => [.. evidence.Metrics.Select(metric => Judge(metric, Level(plan, models)))];

    /// <summary>
    /// Evidence that a metric needs: with m metrics of each of k models, mk/α bounds the chance that any of them reaches it by α, however
    /// they hang together. Each is a test martingale, which reaches x with a chance of at most 1/x (Ville 1939), and the chance of any
    /// is at most their sum (Bonferroni 1936; Dunn 1961).
    /// </summary>
    public static double Level(CanaryPlan plan, int models = 1) => models * plan.Metrics.Count / plan.Significance;

    /// <summary>A sentence for a finding that stops a rollout.</summary>
    public static string Sentence(CanaryFinding finding) => string.Create(CultureInfo.InvariantCulture,
        $"Canary: {finding.Subject()} of {finding.Devices} devices with the release is worse by {finding.InWords(finding.Change)}, at "
            + $"least {finding.InWords(finding.AtLeast ?? finding.Tolerance)}, than of {finding.Incumbents} that wait for it; "
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
