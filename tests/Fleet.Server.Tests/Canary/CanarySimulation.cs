using Fleet.Contracts.Rollouts;
using Fleet.Server.Canary;

namespace Fleet.Server.Tests.Canary;

/// <summary>What one simulated rollout showed.</summary>
/// <param name="Canary">Devices read when the canary stopped it; null when it did not.</param>
/// <param name="Marks">What fixed thresholds look at, after each device.</param>
internal sealed record SimulatedCourse(int? Canary, IReadOnlyList<double[]> Marks);

/// <summary>
/// A threshold that somebody would set: stop when a figure of the devices read so far exceeds a limit, once so many have been read.
/// </summary>
/// <param name="Name">In words.</param>
/// <param name="Mark">Which figure.</param>
/// <param name="Minimum">Devices that must have been read.</param>
/// <param name="Limit">The limit.</param>
internal sealed record FixedThreshold(string Name, int Mark, int Minimum, double Limit)
{
    /// <summary>The share of rollouts that it stops.</summary>
    public double Stops(IReadOnlyCollection<SimulatedCourse> courses)
        => courses.Count(course => DevicesIn(course) is not null) / (double)courses.Count;

    /// <summary>Devices read when it stops the rollout; null when it does not.</summary>
    public int? DevicesIn(SimulatedCourse course)
    {
        for (var n = Minimum; n <= course.Marks.Count; n++)
            if (course.Marks[n - 1][Mark] > Limit) return n;
        return null;
    }
}

/// <summary>Runs many simulated rollouts through the canary that the server uses, and through fixed thresholds beside it.</summary>
internal static class CanarySimulation
{
    /// <summary>
    /// What fixed thresholds look at, by metric: the figure itself, against the devices' own before, against incumbents now.
    /// </summary>
    public static readonly IReadOnlyList<(string Metric, string Name)> Marks =
    [
        .. ((string[])[CanaryMetrics.Errors, CanaryMetrics.Latency, CanaryMetrics.Confidence]).SelectMany(
            metric => ((string[])["as it is", "against the devices' own before", "against incumbents now"])
                .Select(form => (metric, form))),
    ];

    private static readonly int[] Minimums = [1, 3, 5, 10];

    /// <summary>Simulates rollouts; the same seed gives the same ones.</summary>
    public static IReadOnlyList<SimulatedCourse> Run(Effect effect, int rollouts, double significance, int seed = 1)
    {
        var courses = new SimulatedCourse[rollouts];
        var plan = new CanaryPlan { Significance = significance };
        Parallel.For(0, rollouts, i => courses[i] = Run(effect, plan, new Random(HashCode(seed, i))));
        return courses;
    }

    /// <summary>
    /// Thresholds of one metric, for each figure and minimum, with the lowest limits that stop no more than a share of the rollouts of any
    /// harmless release.
    /// </summary>
    public static IReadOnlyList<FixedThreshold> Thresholds(
        string metric, IReadOnlyCollection<IReadOnlyList<SimulatedCourse>> harmless, double share)
        => [.. from mark in Marks.Index()
               where mark.Item.Metric == metric
               from minimum in Minimums
               let limit = harmless.Max(courses => LimitOf(courses, mark.Index, minimum, share))
               select new FixedThreshold(mark.Item.Name, mark.Index, minimum, limit)];

    private static double LimitOf(IReadOnlyList<SimulatedCourse> courses, int mark, int minimum, double share)
    {
        var highest = courses.Select(course => course.Marks.Skip(minimum - 1).Max(marks => marks[mark])).Order().ToArray();
        return highest[(int)Math.Ceiling(highest.Length * (1 - share)) - 1];
    }

    /// <summary>The median of the devices that were read when a rollout was stopped; what was not stopped counts as infinite.</summary>
    public static double MedianDevices(IEnumerable<int?> devices)
    {
        double[] sorted = [.. devices.Select(each => each ?? double.PositiveInfinity).Order()];
        return sorted[(sorted.Length - 1) / 2];
    }

    private static SimulatedCourse Run(Effect effect, CanaryPlan plan, Random random)
    {
        var evidence = AtTolerance(plan);
        var figures = new RunningFigures();
        var marks = new List<double[]>();
        int? stopped = null;
        foreach (var look in new SimulatedRollout(random, effect).Looks())
        {
            marks.Add(figures.With(look));
            if (stopped is not null) continue;
            evidence = evidence.With(look);
            if (CanaryRules.Judge(plan, evidence).Any(finding => finding.Verdict == CanaryVerdict.Worse)) stopped = marks.Count;
        }
        return new SimulatedCourse(stopped, marks);
    }

    /// <summary>Tests the tolerance alone, from above: what an interval is made of besides stops nothing.</summary>
    private static CanaryEvidence AtTolerance(CanaryPlan plan) => new()
    {
        Metrics = [.. CanaryEvidence.Of(plan).Metrics.Select(metric => metric with
        {
            Changes = [metric.Tolerance],
            Above = [RankEvidence.None],
            Below = [],
        })],
    };

    private static int HashCode(int seed, int i) => unchecked(seed * 1_000_003 + i * 7919);

    /// <summary>What a person's dashboard would show of the candidates read so far.</summary>
    private sealed class RunningFigures
    {
        private readonly double[] _sums = new double[6];
        private (double Errors, double Requests, double ErrorsBefore, double RequestsBefore) _pooled;
        private int _devices;
        private double _incumbentErrors;

        public double[] With(CanaryLook look)
        {
            var (before, after, pool) = (look.Candidate.Before, look.Candidate.After, look.Incumbents);
            _devices++;
            _pooled = (_pooled.Errors + after.Errors, _pooled.Requests + after.Requests, _pooled.ErrorsBefore + before.Errors,
                _pooled.RequestsBefore + before.Requests);
            _incumbentErrors += pool.Sum(other => other.After.Errors) / pool.Sum(other => other.After.Requests);
            var (latency, confidence) = (Math.Log(after.Latency!.Value), after.Confidence!.Value);
            double[] added =
            [
                latency, latency - Math.Log(before.Latency!.Value), latency - pool.Average(other => Math.Log(other.After.Latency!.Value)),
                -confidence, before.Confidence!.Value - confidence, pool.Average(other => other.After.Confidence!.Value) - confidence,
            ];
            for (var i = 0; i < added.Length; i++) _sums[i] += added[i];
            var rate = _pooled.Errors / _pooled.Requests;
            return [rate, rate - _pooled.ErrorsBefore / _pooled.RequestsBefore, rate - _incumbentErrors / _devices,
                .. _sums.Select(sum => sum / _devices)];
        }
    }
}
