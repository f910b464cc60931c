using Fleet.Agent.Inference;
using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Tests.Inference;

/// <summary>Counting: in the host for each variant, in the agent across its lives.</summary>
public sealed class StatisticsTests
{
    [Fact]
    public void Ledger_adds_up_what_heart_beats_bring_and_gives_it_once()
    {
        var ledger = new StatisticsLedger();
        ledger.Add([Heart(1, count: 2, microseconds: 10, classes: [2, 0]), Heart(2, count: 1, microseconds: 30, classes: [0, 1])]);
        ledger.Add([Heart(1, count: 3, microseconds: 500, classes: [0, 3])]);

        var drained = ledger.Drain();
        Assert.Equal([1, 2], drained.Select(statistics => statistics.Version).Order());
        var one = drained.Single(statistics => statistics.Version == 1);
        Assert.Equal((5L, 2L), (one.Count, one.Errors));
        Assert.Equal([2, 3], one.Classes);
        Assert.Equal(5, one.Latency.Total());
        Assert.Equal(TimeSpan.FromMicroseconds(10), one.Latency.Percentile(0.4));
        Assert.Empty(ledger.Drain());

        static InferenceStats Heart(int version, int count, int microseconds, long[] classes) => new()
        {
            Model = "m",
            Version = version,
            Variant = "v",
            Count = count,
            Errors = 1,
            Latency = new LatencyHistogram
            {
                Buckets = [LatencyHistogram.BucketOf(TimeSpan.FromMicroseconds(microseconds))],
                Counts = [count],
            },
            Classes = classes,
        };
    }

    [Fact]
    public async Task Tally_loses_nothing_between_threads_and_drains()
    {
        var tally = new InferenceTally(HostFixture.Model("", 1, "m", "a", "b"));
        var drained = new List<InferenceStats>();
        var writers = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++) tally.Add(TimeSpan.FromMicroseconds(i), [0, 1]);
        })).ToArray();
        while (!Task.WhenAll(writers).IsCompleted) Drain();
        await Task.WhenAll(writers);
        Drain();

        Assert.Equal(40_000, drained.Sum(statistics => statistics.Count));
        Assert.Equal(40_000, drained.Sum(statistics => statistics.Classes[1]));
        Assert.Equal(40_000, drained.Sum(statistics => statistics.Latency.Total()));

        void Drain()
        {
            if (tally.Drain() is { } statistics) drained.Add(statistics);
        }
    }

    [Theory]
    [InlineData(new[] { 0f, 0f, 1.3862944f }, 2, 0.6666667f, "logits go through softmax")]
    [InlineData(new[] { 0.05f, 0.91f, 0.04f }, 1, 0.91f, "probabilities are taken as they are")]
    [InlineData(new[] { 1000f, -1000f, 0f }, 0, 1f, "large logits do not overflow")]
    [InlineData(new[] { 0.2f, 0.2f, 0.2f }, 0, 0.3333333f, "the first of equal scores wins; small logits are not probabilities")]
    [InlineData(new[] { 0f, float.NaN, 1f }, 1, 0f, "what is not a number decides nothing")]
    public void Scores_decide(float[] scores, int winner, float probability, string why)
    {
        var decision = ClassDecision.Of(scores);
        Assert.True(decision.Class == winner && Math.Abs(decision.Probability - probability) < 1e-5, $"{why}: {decision}");
    }
}
