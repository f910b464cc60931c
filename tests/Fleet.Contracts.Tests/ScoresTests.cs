using System.Text.Json;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Tests;

public sealed class ScoresTests
{
    [Fact]
    public void Figures_of_protocol_1_keep_its_keys_and_others_say_what_they_are()
    {
        var scores = Samples.Measured.With(Metric.MacroF1, 0.91).With(Metric.RootMeanSquareError, 12.5, "cycles");
        var json = JsonSerializer.Serialize(scores, FleetJson.Default.Scores);
        Assert.Equal(
            """{"accuracy":0.979,"agreement":0.995,"latency":{"p50Ms":0.41,"p95Ms":0.52,"p99Ms":0.69},"peakMemoryBytes":61341696"""
                + ""","samples":500,"metrics":["""
            + """{"name":"macroF1","value":0.91,"unit":"ratio","better":"higher"},{"name":"rmse","value":12.5"""
            + ""","unit":"cycles","better":"lower"}]}""", json);
        Assert.Equal(scores, JsonSerializer.Deserialize(json, FleetJson.Default.Scores));
    }

    [Fact]
    public void Metric_nobody_knows_is_kept_with_its_unit_and_direction()
    {
        var scores = Read("""{"samples":3,"metrics":[{"name":"toxicity","value":0.5,"unit":"%","better":"lower","since":2031}],"later":[1"""
            + """,{"a":2}]}""");
        Assert.Equal(new MetricValue("toxicity", 0.5, "%", MetricDirection.Lower), scores.Metrics.Single());
        Assert.Equal("toxicity 0.5 %", $"{scores.Metrics[0].Title()} {scores.Metrics[0].Text()}");
    }

    [Fact]
    public void Figure_of_protocol_1_may_stand_in_the_list_as_well()
        => Assert.Equal(0.9, Read("""{"metrics":[{"name":"accuracy","value":0.9,"unit":"ratio","better":"higher"}]}""").Accuracy);

    [Fact]
    public void Percentile_without_the_others_is_a_metric_like_any_other()
    {
        var scores = new Scores().With(Metric.LatencyP95, 2);
        Assert.Null(scores.Latency);
        Assert.Equal(scores, Read(JsonSerializer.Serialize(scores, FleetJson.Default.Scores)));
    }

    [Fact]
    public void Figure_that_is_not_a_number_was_not_measured()
    {
        Assert.Null(new Scores { Accuracy = double.NaN }.Accuracy);
        Assert.Null(new Scores().With(Metric.RootMeanSquareError, double.PositiveInfinity)[Metric.RootMeanSquareError]);
        Assert.Null((Samples.Measured with { Accuracy = null }).Accuracy);
    }

    [Fact]
    public void Scores_with_the_same_figures_are_equal()
        => Assert.Equal(new Scores { Samples = 1, Accuracy = 0.5 }, new Scores { Accuracy = 0.5, Samples = 1 });

    [Theory]
    [InlineData("""{"accuracy":0.9,"metrics":[{"name":"accuracy","value":0.1,"unit":"ratio","better":"higher"}]}""", "a metric twice")]
    [InlineData("""{"metrics":[{"name":"","value":0.1,"unit":"ratio","better":"higher"}]}""", "no name")]
    [InlineData("""{"metrics":[{"name":"a","value":1e999,"unit":"ratio","better":"higher"}]}""", "larger than a number")]
    [InlineData("""{"metrics":[{"name":"a","value":1,"unit":"12345678901234567","better":"higher"}]}""", "a long unit")]
    [InlineData("""{"metrics":[{"name":"a","value":1,"unit":"","better":"sideways"}]}""", "no direction")]
    [InlineData("""{"metrics":[{"name":"a","value":1,"unit":""}]}""", "a missing direction")]
    [InlineData("""{"metrics":[null]}""", "null in the list")]
    [InlineData("""{"metrics":{}}""", "not a list")]
    [InlineData("""{"accuracy":"high"}""", "not a number")]
    [InlineData("""{"accuracy":1e999}""", "an infinite share")]
    [InlineData("""{"latency":{"p50Ms":1}}""", "a part of the percentiles")]
    [InlineData("""{"samples":1.5}""", "half a sample")]
    [InlineData("[]", "not an object")]
    public void Scores_that_are_none_are_refused(string json, string why)
        => Assert.True(Record.Exception(() => Read(json)) is JsonException, why);

    [Fact]
    public void More_metrics_than_the_limit_are_refused()
    {
        static string Of(int count)
            => $$"""{"metrics":[{{string.Join(
                ',', Enumerable.Range(0, count).Select(i => $$"""{"name":"m{{i}}","value":1,"unit":"","better":"higher"}"""))}}]}""";
        Assert.Equal(Limits.MetricsPerScores, Read(Of(Limits.MetricsPerScores)).Metrics.Count);
        Assert.Throws<JsonException>(() => Read(Of(Limits.MetricsPerScores + 1)));
    }

    [Fact]
    public void Limits_of_protocol_1_keep_its_keys_and_others_are_thresholds()
    {
        var gate = new ValidationGate
        {
            MinimumAccuracy = 0.9,
            MaximumLatencyP95 = TimeSpan.FromMilliseconds(20),
            MaximumMemoryBytes = 1 << 20,
        };
        gate = gate with { Thresholds = [.. gate.Thresholds, Threshold.Of(Metric.MacroF1, 0.75)] };
        var json = JsonSerializer.Serialize(gate, FleetJson.Default.ValidationGate);
        Assert.Equal("""{"minimumAccuracy":0.9,"maximumLatencyP95":"00:00:00.0200000","maximumMemoryBytes":1048576"""
            + ""","deadline":"00:05:00","thresholds":[{"metric":"macroF1","minimum":0.75,"unit":"ratio"}]}""", json);
        Assert.Equal(gate, JsonSerializer.Deserialize(json, FleetJson.Default.ValidationGate));
    }

    [Theory]
    [InlineData("""{"minimumAccuracy":0.9,"thresholds":[{"metric":"accuracy","minimum":0.1}]}""",
        "a metric twice: the second would undo the first")]
    [InlineData("""{"thresholds":[{"metric":"accuracy"}]}""", "no limit")]
    [InlineData("""{"thresholds":[{"metric":"accuracy","minimum":2,"maximum":1}]}""", "nothing could pass")]
    [InlineData("""{"thresholds":[{"minimum":2}]}""", "no metric")]
    [InlineData("""{"thresholds":[null]}""", "null in the list")]
    [InlineData("""{"deadline":"soon"}""", "no time")]
    [InlineData("""{"minimumAccuracy":1e999}""", "an infinite share")]
    public void Gate_that_is_none_is_refused(string json, string why)
        => Assert.True(Record.Exception(() => JsonSerializer.Deserialize(json, FleetJson.Default.ValidationGate)) is JsonException, why);

    private static Scores Read(string json) => JsonSerializer.Deserialize(json, FleetJson.Default.Scores)!;
}
