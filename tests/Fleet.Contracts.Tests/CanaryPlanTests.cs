using System.Text.Json;
using Fleet.Contracts.Rollouts;

namespace Fleet.Contracts.Tests;

public sealed class CanaryPlanTests
{
    [Fact]
    public void Plan_without_a_canary_has_one_with_every_metric()
    {
        var plan = JsonSerializer.Deserialize("""{"model":"m","version":1,"waves":[{"percent":100}]}""", FleetJson.Default.RolloutPlan)!;

        Assert.Empty(plan.Problems());
        Assert.Equal(CanaryMetrics.All, plan.Canary.Metrics.Select(metric => metric.Metric));
        Assert.Equal(0.01, plan.Canary.Significance);
    }

    [Fact]
    public void Every_rule_that_a_canary_breaks_is_told()
    {
        var plan = new CanaryPlan
        {
            Significance = 0,
            Metrics = [new CanaryMetricPlan("speed"), new CanaryMetricPlan("errors", -1), new CanaryMetricPlan("errors")],
            Window = TimeSpan.FromSeconds(1),
            MinimumRequests = 0,
            MinimumDevices = -1,
            LatencyQuantile = double.NaN,
        };

        Assert.Equal(8, plan.Problems().Count());
    }
}
