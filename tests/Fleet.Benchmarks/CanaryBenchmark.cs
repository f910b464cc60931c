using System.Diagnostics;
using System.Globalization;
using System.Text;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Canary;
using Fleet.Server.Tests.Canary;

namespace Fleet.Benchmarks;

/// <summary>
/// The canary in simulated rollouts: how often it stops a release that harms nobody, looked at after every device, and how many devices
/// it takes to stop one that does, beside the best fixed thresholds that may stop as many harmless ones.
/// </summary>
internal static class CanaryBenchmark
{
    private const int Rollouts = 10_000;
    private const double Significance = 0.01;
    private const int Devices = 50;
    private const int Incumbents = 500;

    /// <summary>What each metric of the canary's plan has of the significance, and so what a threshold has that watches one.</summary>
    private static readonly double Share = Significance / CanaryMetrics.All.Count;

    // What the canary's evidence is a mixture of was chosen with other seeds.
    private const int HarmlessSeed = 3;
    private const int HarmfulSeed = 4;

    private static readonly Effect[] Harmless =
    [
        new("nothing changes"),
        new("nothing changes, the day begins: load, errors and latency of all rise while waves open") { Weather = 0.3, Morning = 2 },
        new("every device 10 % slower, the tolerance") { LatencyTimes = 1.1 },
        new("every device 0.1 points more errors, the tolerance") { Errors = 0.001 },
        new("every device 0.01 less confident, the tolerance") { Confidence = 0.01 },
        new("half of the devices twice as fast") { Share = 0.5, LatencyTimes = 0.5 },
        new("half of the devices with a tenth of the errors") { Share = 0.5, ErrorsTimes = 0.1 },
        new("nothing changes, and twice a week a device has trouble of its own for half an hour") { Trouble = 2.0 / (7 * 24 * 12) },
    ];

    private static readonly (string Metric, Effect Effect)[] Worse =
    [
        (CanaryMetrics.Errors, new("errors three times as many") { ErrorsTimes = 3 }),
        (CanaryMetrics.Errors, new("errors 1 point more") { Errors = 0.01 }),
        (CanaryMetrics.Errors, new("errors 2 points more") { Errors = 0.02 }),
        (CanaryMetrics.Errors, new("errors 5 points more on 30 % of the devices") { Errors = 0.05, Share = 0.3 }),
        (CanaryMetrics.Errors, new("errors 5 points more") { Errors = 0.05 }),
        (CanaryMetrics.Latency, new("latency × 1.3") { LatencyTimes = 1.3 }),
        (CanaryMetrics.Latency, new("latency × 1.5") { LatencyTimes = 1.5 }),
        (CanaryMetrics.Latency, new("latency × 2") { LatencyTimes = 2 }),
        (CanaryMetrics.Latency, new("latency × 2 on 30 % of the devices") { LatencyTimes = 2, Share = 0.3 }),
        (CanaryMetrics.Confidence, new("confidence 0.04 less") { Confidence = 0.04 }),
        (CanaryMetrics.Confidence, new("confidence 0.1 less") { Confidence = 0.1 }),
    ];

    /// <summary>The release at the tolerance of each metric.</summary>
    private static readonly Dictionary<string, Effect> AtTolerance = new()
    {
        [CanaryMetrics.Errors] = Harmless[3],
        [CanaryMetrics.Latency] = Harmless[2],
        [CanaryMetrics.Confidence] = Harmless[4],
    };

    public static Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"""
            {Rollouts:N0} rollouts a row over 200 devices, waves of 5 % and 25 %, looked at after each of the {Devices} devices; windows of
            5 minutes against the hour before. Devices differ (error rates with a deviation of factor 2.7 around 0.3 %, latencies of 1.6,
            traffic of 2), each drifts by itself (correlation 0.8 between windows) and the whole fleet by its weather. A device in trouble
            of its own fails 30 % of its requests, takes twice the time and is less confident by 0.2. Four metrics, significance
            {Significance} in all. The fleet is `tests/Fleet.Server.Tests/Canary/SimulatedRollout.cs`; the canary is the server's, and
            was tuned with other seeds than these.

            | Release that harms nobody | stopped | at most, as stated |
            |---|--:|--:|

            """));
        var harmless = new Dictionary<Effect, IReadOnlyList<SimulatedCourse>>();
        foreach (var effect in Harmless)
        {
            cancellationToken.ThrowIfCancellationRequested();
            harmless[effect] = CanarySimulation.Run(effect, Rollouts, Significance, HarmlessSeed);
            var stopped = harmless[effect].Count(course => course.Canary is not null);
            text.Append(CultureInfo.InvariantCulture, $"| {effect.Name} | {(double)stopped / Rollouts:0.00 %} | {Significance:0.00 %} |\n");
        }
        Detections(text, harmless, cancellationToken);
        Cost(text);
        return Task.FromResult(text.ToString());
    }

    private static void Detections(
        StringBuilder text, Dictionary<Effect, IReadOnlyList<SimulatedCourse>> harmless, CancellationToken cancellationToken)
    {
        text.Append(CultureInfo.InvariantCulture, $"""

            Devices that have been read when a release is stopped: the median (share that is stopped within the {Devices}). A fixed
            threshold looks at the same devices. It watches one metric, and may stop {Share:0.00 %} of any row above, as each of the
            canary's four may: its limit is the lowest that keeps to this, found in this very simulation, which nobody has who sets one. Of
            1, 3, 5 and 10 devices at least, the best for each row. The first figure is what rollouts know elsewhere.

            | Release that does harm | canary | figure as it is | against the devices' own before | against incumbents now | best / canary |
            |---|--:|--:|--:|--:|--:|

            """);
        var calm = new StringBuilder("""

            The same with limits that are tuned on a calm fleet alone, to a release at the tolerance of the metric. Such a threshold does
            not have the canary's false-alarm rate: behind each is what it stops of the harmless releases above that it stops most of.

            | Release that does harm | canary | figure as it is | against the devices' own before | against incumbents now |
            |---|--:|--:|--:|--:|

            """);
        foreach (var ofMetric in Worse.GroupBy(each => each.Metric, each => each.Effect))
        {
            var everywhere = CanarySimulation.Thresholds(ofMetric.Key, harmless.Values, Share);
            var inCalm = CanarySimulation.Thresholds(ofMetric.Key, [harmless[AtTolerance[ofMetric.Key]]], Share);
            foreach (var effect in ofMetric)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var courses = CanarySimulation.Run(effect, Rollouts, Significance, HarmfulSeed);
                var canary = courses.Select(course => course.Canary).ToList();
                var row = $"| {effect.Name} | {Cell(canary)} |";
                var (best, calmest) = (BestOf(everywhere, courses), BestOf(inCalm, courses));
                text.Append(row).AppendJoin("", best.Select(threshold => $" {Cell(courses.Select(threshold.DevicesIn))} |"))
                    .Append(CultureInfo.InvariantCulture, $" {Times(best.Min(threshold => Median(threshold, courses)), canary)} |\n");
                calm.Append(row).AppendJoin("", calmest.Select(threshold => string.Create(CultureInfo.InvariantCulture,
                    $" {Cell(courses.Select(threshold.DevicesIn))}, {harmless.Values.Max(each => threshold.Stops(each)):0.0 %} |")))
                    .Append('\n');
            }
        }
        text.Append(calm).Append("""

            Where a fixed threshold decides with three devices or fewer, half as many are not to be had: one device's place among 190
            incumbents can be evidence of 191 at the most, of the 400 that four metrics need, and one device in trouble must not stop a
            fleet.

            """);
    }

    /// <summary>For each figure what stops half of the rollouts soonest; where none does, what stops most.</summary>
    private static IReadOnlyList<FixedThreshold> BestOf(
        IReadOnlyList<FixedThreshold> thresholds, IReadOnlyList<SimulatedCourse> courses)
        => [.. thresholds.GroupBy(each => each.Mark).Select(
            form => form.OrderBy(threshold => Median(threshold, courses)).ThenByDescending(threshold => threshold.Stops(courses)).First())];

    private static double Median(FixedThreshold threshold, IReadOnlyList<SimulatedCourse> courses)
        => CanarySimulation.MedianDevices(courses.Select(threshold.DevicesIn));

    private static string Times(double devices, IEnumerable<int?> canary)
    {
        var few = CanarySimulation.MedianDevices(canary);
        return double.IsInfinity(devices)
            ? string.Create(CultureInfo.InvariantCulture, $"more than {Math.Floor(10 * Devices / few) / 10:0.0}")
            : string.Create(CultureInfo.InvariantCulture, $"{devices / few:0.0}");
    }

    private static string Cell(IEnumerable<int?> devices)
    {
        var list = devices.ToList();
        var median = CanarySimulation.MedianDevices(list);
        return string.Create(CultureInfo.InvariantCulture,
            $"{(double.IsInfinity(median) ? "more than 50" : median)} ({list.Count(each => each is not null) / (double)list.Count:0 %})");
    }

    /// <summary>
    /// Processor time of one device's reading with every metric and interval, among as many incumbents as the server reads.
    /// </summary>
    private static void Cost(StringBuilder text)
    {
        const int Times = 200;
        var looks = new SimulatedRollout(new Random(3), new Effect("cost"), devices: Incumbents * 4 / 3).Looks().Take(Times).ToList();
        var plan = new CanaryPlan();
        _ = looks.Aggregate(CanaryEvidence.Of(plan), (evidence, look) => evidence.With(look));
        var started = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        var seen = looks.Aggregate(CanaryEvidence.Of(plan), (evidence, look) => evidence.With(look));
        _ = CanaryRules.Judge(plan, seen);
        text.Append(CultureInfo.InvariantCulture,
            $"\nWeighing one device's figures against those of {Incumbents} incumbents, every metric with its interval: "
                + $"{watch.Elapsed.TotalMilliseconds / Times:0.00} ms, of processor time "
                + $"{(Environment.CpuUsage.TotalTime - started).TotalMilliseconds / Times:0.00} ms. A device is read once in a rollout.\n");
    }
}
