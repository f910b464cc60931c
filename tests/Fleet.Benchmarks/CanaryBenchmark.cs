using System.Diagnostics;
using System.Globalization;
using System.Text;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Canary;
using Fleet.Server.Tests.Canary;

namespace Fleet.Benchmarks;

/// <summary>
/// The canary in simulated rollouts: how often it stops a release that harms nobody, looked at after every device, and how many devices
/// it takes to stop one that does, beside the best fixed thresholds that stop as few harmless ones.
/// </summary>
internal static class CanaryBenchmark
{
    private const int Rollouts = 10_000;
    private const double Significance = 0.01;
    private const int Incumbents = 500;

    private static readonly Effect[] Harmless =
    [
        new("nothing changes"),
        new("nothing changes, the day begins: load, errors and latency of all rise while waves open") { Weather = 0.3, Morning = 2 },
        new("every device 10 % slower, the tolerance") { LatencyTimes = 1.1 },
        new("every device 0.1 points more errors, the tolerance") { Errors = 0.001 },
        new("every device 0.01 less confident, the tolerance") { Confidence = 0.01 },
        new("half of the devices twice as fast") { Share = 0.5, LatencyTimes = 0.5 },
        new("half of the devices with a tenth of the errors") { Share = 0.5, ErrorsTimes = 0.1 },
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

    /// <summary>
    /// Releases that sit at the tolerance of a metric: fixed thresholds may stop as many of them as is stated, and no more.
    /// </summary>
    private static readonly Dictionary<string, Effect> AtTolerance = new()
    {
        [CanaryMetrics.Errors] = Harmless[3],
        [CanaryMetrics.Latency] = Harmless[2],
        [CanaryMetrics.Confidence] = Harmless[4],
    };

    public static Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"""
            {Rollouts:N0} rollouts a row over 200 devices, waves of 5 % and 25 %, looked at after each of the 50 devices; windows of
            5 minutes against the hour before. Devices differ (error rates with a deviation of factor 2.7 around 0.3 %, latencies of 1.6,
            traffic of 2), each drifts by itself (correlation 0.8 between windows) and the whole fleet by its weather. Four metrics,
            significance {Significance} in all.
            The fleet is `tests/Fleet.Server.Tests/Canary/SimulatedRollout.cs`; the canary is the server's.

            | Release that harms nobody | stopped | at most, as stated |
            |---|--:|--:|

            """));
        var unchanged = new Dictionary<Effect, IReadOnlyList<SimulatedCourse>>();
        foreach (var effect in Harmless)
        {
            cancellationToken.ThrowIfCancellationRequested();
            unchanged[effect] = CanarySimulation.Run(effect, Rollouts, Significance);
            var stopped = unchanged[effect].Count(course => course.Canary is not null);
            text.Append(CultureInfo.InvariantCulture, $"| {effect.Name} | {(double)stopped / Rollouts:0.00 %} | {Significance:0.00 %} |\n");
        }
        Detections(text, unchanged, cancellationToken);
        Cost(text);
        return Task.FromResult(text.ToString());
    }

    private static void Detections(
        StringBuilder text, Dictionary<Effect, IReadOnlyList<SimulatedCourse>> unchanged, CancellationToken cancellationToken)
    {
        text.Append(CultureInfo.InvariantCulture, $"""

            Devices that have been read when it is stopped, the median (share that is stopped within the 50). A fixed threshold looks at
            the same devices; its limit stops {Significance:0 %} of the releases at the tolerance, found in this very simulation, which
            nobody has who sets one; of 1, 3, 5 and 10 devices at least, the best for each row. The first is what rollouts know elsewhere.

            | Release that does harm | canary | figure as it is | against the devices' own before | against incumbents now |
            |---|--:|--:|--:|--:|

            """);
        foreach (var (metric, effect) in Worse)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var courses = CanarySimulation.Run(effect, Rollouts, Significance, seed: 2);
            text.Append(CultureInfo.InvariantCulture, $"| {effect.Name} | {Cell(courses.Select(course => course.Canary))} |");
            foreach (var form in CanarySimulation.Thresholds(metric, unchanged[AtTolerance[metric]], Significance)
                .GroupBy(each => each.Mark))
            {
                // What stops half of them soonest; where none does, what stops most.
                var best = form.OrderBy(threshold => CanarySimulation.MedianDevices(courses.Select(threshold.DevicesIn)))
                    .ThenByDescending(threshold => courses.Count(course => threshold.DevicesIn(course) is not null)).First();
                text.Append(CultureInfo.InvariantCulture, $" {Cell(courses.Select(best.DevicesIn))} |");
            }
            text.Append('\n');
        }
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
