using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Tests.Canary;

/// <summary>
/// The simulation of <c>dotnet run -c Release --project tests/Fleet.Benchmarks -- canary</c>, with few rollouts and fixed seeds.
/// </summary>
public sealed class CanarySimulationTests
{
    private const int Rollouts = 240;
    private const double Significance = 0.05;

    /// <summary>
    /// Of 240, 12 are expected at the most; a test that stopped a twentieth would stop more than 24 once in two thousand.
    /// </summary>
    private const int MostStopped = 24;

    [Theory]
    [InlineData(1.0, 0.05, 0, 0)]
    [InlineData(0.5, 0.05, 0, 0)]
    [InlineData(1.0, 0.3, 2, 0)]
    [InlineData(1.0, 0.05, 0, 0.01)]
    public void Release_that_harms_nobody_is_stopped_no_oftener_than_stated(
        double latencyTimes, double weather, double morning, double trouble)
    {
        var effect = new Effect("harmless")
        {
            Share = 0.5,
            LatencyTimes = latencyTimes,
            Weather = weather,
            Morning = morning,
            Trouble = trouble,
        };

        var stopped = CanarySimulation.Run(effect, Rollouts, Significance).Count(course => course.Canary is not null);

        Assert.InRange(stopped, 0, MostStopped);
    }

    /// <summary>
    /// The threshold is one that rollouts know elsewhere, a limit of the figure itself. It stops as many of the releases at the tolerance
    /// as one of the canary's four metrics may.
    /// </summary>
    [Theory]
    [InlineData(CanaryMetrics.Errors, 0.01, 1, 0)]
    [InlineData(CanaryMetrics.Latency, 0, 1.5, 0)]
    [InlineData(CanaryMetrics.Confidence, 0, 1, 0.04)]
    public void Worse_release_is_stopped_with_at_most_half_the_devices_that_a_fixed_threshold_needs(
        string metric, double errors, double latencyTimes, double confidence)
    {
        var worse = new Effect("worse") { Errors = errors, LatencyTimes = latencyTimes, Confidence = confidence };
        var tolerable = new Effect("tolerable")
        {
            Errors = Math.Min(errors, 0.001),
            LatencyTimes = Math.Min(latencyTimes, 1.1),
            Confidence = Math.Min(confidence, 0.01),
        };

        var thresholds = CanarySimulation.Thresholds(
            metric, [CanarySimulation.Run(tolerable, Rollouts, Significance)], Significance / CanaryMetrics.All.Count);
        var courses = CanarySimulation.Run(worse, Rollouts / 2, Significance, seed: 2);

        var canary = CanarySimulation.MedianDevices(courses.Select(course => course.Canary));
        var best = thresholds.Where(threshold => threshold.Name == "as it is")
            .Min(threshold => CanarySimulation.MedianDevices(courses.Select(threshold.DevicesIn)));
        Assert.InRange(canary, 2, 10);
        Assert.True(2 * canary <= best, $"{canary} devices against {best}");
    }

    /// <summary>Seven of ten devices are as before, and each of them speaks for the release.</summary>
    [Theory]
    [InlineData(0.05, 1)]
    [InlineData(0, 2)]
    public void Release_that_harms_three_of_ten_devices_is_stopped_early_in_the_second_wave(double errors, double latencyTimes)
    {
        var worse = new Effect("worse for some") { Errors = errors, LatencyTimes = latencyTimes, Share = 0.3 };

        var devices = CanarySimulation.Run(worse, Rollouts / 2, Significance, seed: 2).Select(course => course.Canary).ToList();

        Assert.InRange(CanarySimulation.MedianDevices(devices), 2, 12);
        Assert.InRange(devices.Count(each => each is null), 0, 3);
    }
}
