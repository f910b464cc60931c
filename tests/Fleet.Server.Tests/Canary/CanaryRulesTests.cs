using Fleet.Contracts.Rollouts;
using Fleet.Server.Canary;

namespace Fleet.Server.Tests.Canary;

public sealed class CanaryRulesTests
{
    private static readonly CanaryPlan Plan = new();

    [Fact]
    public void Devices_that_fail_more_requests_are_worse_and_the_evidence_says_by_how_much()
    {
        var finding = Judge(CanaryMetrics.Errors, devices: 8, _ => MeasureOf(errors: 80));

        Assert.Equal(CanaryVerdict.Worse, finding.Verdict);
        Assert.True(finding.Evidence >= finding.Needed);
        Assert.InRange(finding.Change, 0.06, 0.08);
        Assert.InRange(finding.AtLeast!.Value, 0.01, finding.Change);
        Assert.Equal(8, finding.Devices);
        Assert.Equal(8_000, finding.Requests);
        Assert.Equal(60, finding.Incumbents);
        Assert.Contains($"errors of 8 devices with the release is worse by {finding.InWords(finding.Change)}",
            CanaryRules.Sentence(finding));
    }

    [Fact]
    public void One_device_is_never_enough()
        => Assert.Equal(CanaryVerdict.Undecided, Judge(CanaryMetrics.Errors, devices: 1, _ => MeasureOf(errors: 900)).Verdict);

    [Fact]
    public void Devices_that_are_slower_within_the_tolerance_are_not_worse_and_that_is_said_once_it_is_known()
    {
        var finding = Judge(CanaryMetrics.Latency, devices: 40, i => MeasureOf(latency: 0.0101 + 0.00002 * (i % 40)));

        Assert.Equal(CanaryVerdict.NotWorse, finding.Verdict);
        Assert.True(finding.AtMost <= 0.1);
    }

    [Fact]
    public void Better_devices_are_not_worse()
    {
        var finding = Judge(CanaryMetrics.Latency, devices: 10, _ => MeasureOf(latency: 0.004));

        Assert.Equal(CanaryVerdict.NotWorse, finding.Verdict);
        Assert.True(finding.Change < -0.5);
    }

    /// <summary>Bonferroni over metrics and models: what one of several models needs, it needs once more for each of the others.</summary>
    [Fact]
    public void Metric_of_a_rollout_of_several_models_needs_the_evidence_of_all_their_metrics_together()
    {
        var plan = new CanaryPlan { Significance = 0.01 };
        Assert.Equal((400, 1200), (CanaryRules.Level(plan), CanaryRules.Level(plan, models: 3)));
        Assert.All(CanaryRules.Judge(plan, CanaryEvidence.Of(plan), models: 3), finding => Assert.Equal(1200, finding.Needed));
    }

    [Fact]
    public void Without_anybody_who_serves_the_old_release_it_cannot_judge()
    {
        var evidence = CanaryEvidence.Of(Plan).With(
            new CanaryLook(new Reading(MeasureOf(), MeasureOf(errors: 900)), [], [new Reading(MeasureOf(), MeasureOf())]));

        Assert.All(CanaryRules.Judge(Plan, evidence), finding => Assert.Equal(CanaryVerdict.CannotJudge, finding.Verdict));
    }

    [Fact]
    public void Outputs_that_move_are_seen_and_metrics_that_a_model_lacks_cannot_be_judged()
    {
        Reading ReadingOf(int seed, double moved) => new(
            MeasureOf() with { Classes = [0.5, 0.5] },
            MeasureOf() with { Classes = [0.5 - moved - 0.001 * seed, 0.5 + moved + 0.001 * seed] });
        var evidence = CanaryEvidence.Of(Plan);
        for (var i = 0; i < 6; i++)
            evidence = evidence.With(new CanaryLook(ReadingOf(i, 0.3), [.. Enumerable.Range(0, 60).Select(j => ReadingOf(j, 0))], []));

        var findings = CanaryRules.Judge(Plan, evidence).ToDictionary(finding => finding.Metric, finding => finding.Verdict);

        Assert.Equal(CanaryVerdict.Worse, findings[CanaryMetrics.Outputs]);
        Assert.Equal(CanaryVerdict.CannotJudge, findings[CanaryMetrics.Confidence]);
    }

    [Fact]
    public void Quantile_lies_within_its_bucket_and_confidence_is_the_mean_of_the_tenths()
    {
        var bucket = Fleet.Contracts.Telemetry.LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(10));
        var stats = new Fleet.Contracts.Telemetry.InferenceStats
        {
            Model = "m",
            Version = 1,
            Variant = "fp32",
            Count = 10,
            Errors = 2,
            Latency = new() { Buckets = [bucket, bucket + 40], Counts = [9, 1] },
            Confidence = [0, 0, 0, 0, 0, 0, 0, 0, 5, 5],
        };

        var measure = Measure.Of([stats, stats], 0.5);

        Assert.Equal(24, measure.Requests);
        Assert.Equal(4, measure.Errors);
        Assert.InRange(measure.Latency!.Value, 0.0095, 0.0105);
        Assert.Equal(0.9, measure.Confidence!.Value, 9);
        Assert.True(Measure.Of([stats], 0.99).Latency > 0.04);
    }

    private static CanaryFinding Judge(string metric, int devices, Func<int, Measure> after)
    {
        var evidence = CanaryEvidence.Of(Plan);
        // Each a little different, so that there is a rank at all.
        Reading[] incumbents = [.. Enumerable.Range(0, 60).Select(
            i => new Reading(MeasureOf(), MeasureOf(errors: 5 + i % 13, latency: 0.01 + 0.00001 * i)))];
        var earlier = new List<Reading>();
        for (var i = 0; i < devices; i++)
        {
            var candidate = new Reading(MeasureOf(), after(i));
            evidence = evidence.With(new CanaryLook(candidate, incumbents, [.. earlier]));
            earlier.Add(candidate);
        }
        return CanaryRules.Judge(Plan, evidence).Single(finding => finding.Metric == metric);
    }

    private static Measure MeasureOf(double errors = 10, double latency = 0.01)
        => new() { Requests = 1_000, Errors = errors, Latency = latency };
}
