using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Tests.Choice;

/// <summary>Which variant of a profile to take.</summary>
public sealed class VariantChoiceTests
{
    private static readonly ProfileBudget None = new();

    private static readonly Candidate Original = new(
        "fp32", 1000, MetricValue.Of(Metric.Accuracy, 0.95))
    { IsFloat = true, Speed = 1, LatencyP95 = TimeSpan.FromMilliseconds(10), MemoryBytes = 5000 };

    private static Candidate Make(string id, long bytes, double quality, double? speed) => new(
        id, bytes, MetricValue.Of(Metric.Accuracy, quality))
    {
        Speed = speed,
        LatencyP95 = speed is { } factor ? TimeSpan.FromMilliseconds(10 / factor) : null,
        MemoryBytes = bytes * 5,
    };

    private static MetricValue Error(double value) => MetricValue.Of(Metric.RootMeanSquareError, value, "cycles");

    private static readonly Dictionary<string, (Candidate[] Candidates, string Goal, ProfileBudget Budget, string? Chosen, string[] Front,
        (string Id, string Reason)[] Reasons)> Rows = new()
        {
            ["the fastest is taken for latency"] = ([Make("int8", 250, 0.94, 2.5), Make("int4", 150, 0.93, 1.2), Original], "latency", None,
            "int8", ["int4", "int8", "fp32"],
            [
                ("int4", "int8 is faster (2.50 against 1.20 times the float model)."),
                ("fp32", "int8 is faster (2.50 against 1.00 times the float model)."),
            ]),
            ["the smallest is taken for size"] = ([Make("int8", 250, 0.94, 2.5), Make("int4", 150, 0.93, 1.2), Original], "size", None,
            "int4", ["int4", "int8", "fp32"], [("int8", "int4 is smaller (150 against 250 bytes).")]),
            ["the nearest that is smaller and not slower is taken for accuracy"] = (
            [Make("int8", 250, 0.94, 2.5), Make("int4", 150, 0.93, 1.2), Original], "accuracy", None,
            "int8", ["int4", "int8", "fp32"],
            [("int4", "int8 is better in accuracy (0.94 against 0.93)."), ("fp32", "int8 is smaller and not slower.")]),
            ["dominated: larger, slower and less accurate than another"] = (
            [Make("int8", 250, 0.94, 2.5), Make("dynamic", 300, 0.93, 1.5), Original], "latency", None,
            "int8", ["int8", "fp32"], [("dynamic", "int8 is as small, as fast and as good, and better in one of them.")]),
            ["dominated by the float model"] = ([Make("fp16", 1200, 0.95, 0.5), Original], "size", None,
            "fp32", ["fp32"], [("fp16", "The float model is as small, as fast and as good, and better in one of them.")]),
            ["slower than float is not taken for latency, however small"] = ([Make("int4", 150, 0.94, 0.6), Original], "latency", None,
            "fp32", ["int4", "fp32"], [("int4", "It runs at 0.60 times the speed of the float model; only a goal of size would take it.")]),
            ["slower than float is not taken for accuracy"] = (
            [Make("int4", 150, 0.94, 0.6), Original], "accuracy", None, "fp32", ["int4", "fp32"], []),
            ["slower than float may be taken for size"] = (
            [Make("int4", 150, 0.94, 0.6), Original], "size", None, "int4", ["int4", "fp32"], []),
            ["slower within noise is as fast, and smaller"] = ([Make("int8", 250, 0.94, 0.975), Original], "latency", None,
            "int8", ["int8", "fp32"], [("fp32", "int8 is as fast and smaller (250 against 1,000 bytes).")]),
            ["slower just beyond noise is slower"] = (
            [Make("int8", 250, 0.94, 0.969), Original], "latency", None, "fp32", ["int8", "fp32"], []),
            ["collapsed: neither chosen nor on the front"] = (
            [Make("int8", 250, 0.31, 3) with { Collapse = "Accuracy drops by 0.6400." }, Original], "size", None,
            "fp32", ["fp32"], [("int8", "Accuracy drops by 0.6400.")]),
            ["over the size budget"] = (
            [Make("int8", 250, 0.94, 2.5), Make("int4", 150, 0.93, 1.2), Original], "latency", new ProfileBudget { MaximumBytes = 200 },
            "int4", [
                "int4",
            ], [("int8", "Its file has 250 bytes; the budget is 200."), ("fp32", "Its file has 1,000 bytes; the budget is 200.")]),
            ["over the latency budget"] = ([Make("int8", 250, 0.94, 2.5), Make("int4", 150, 0.93, 1.2), Original], "size",
            new ProfileBudget { MaximumLatencyP95 = TimeSpan.FromMilliseconds(5) },
            "int8", ["int8"], [("int4", "Its p95 is 8.333 ms; the budget is 5 ms.")]),
            ["over the memory budget"] = (
            [Make("int8", 250, 0.94, 2.5), Original], "latency", new ProfileBudget { MaximumMemoryBytes = 1 << 10 },
            null, [], [
                ("int8", "Its peak memory is 0 MiB; the budget is 0 MiB."), ("fp32", "Its peak memory is 0 MiB; the budget is 0 MiB."),
            ]),
            ["of two errors the smaller is the better"] = (
            [
                Make("int8", 250, 0, 2) with { Figure = Error(15.7) }, Make("fp16", 500, 0, 1.1) with { Figure = Error(20.3) },
                Original with { Figure = Error(15.76) },
            ], "accuracy", None, "int8", ["int8"],
            [("fp16", "int8 is as small, as fast and as good, and better in one of them.")]),
            ["nothing within the budgets: nothing chosen"] = (
            [Make("int8", 250, 0.94, 2.5), Original], "latency", new ProfileBudget { MaximumBytes = 10 }, null, [], []),
            ["not timed: the smallest, and said"] = (
            [Make("int8", 250, 0.94, null), Make("int4", 150, 0.93, null), Original with { Speed = null }], "latency", None,
            "int4", ["int4", "int8", "fp32"],
            [("int8", "int4 is smaller (150 against 250 bytes); neither was timed, because the profile is not this machine's.")]),
            ["not timed and not smaller: the float model"] = (
            [Make("int8", 1100, 0.94, null), Original with { Speed = null }], "latency", None, "fp32", ["fp32"], []),
            ["tie in speed: the smaller"] = ([Make("a", 250, 0.94, 2.5), Make("b", 240, 0.93, 2.45), Original], "latency", None,
            "b", ["b", "a", "fp32"], [("a", "b is as fast and smaller (240 against 250 bytes).")]),
            ["tie in everything: by name"] = (
            [Make("b", 250, 0.94, 2.5), Make("a", 250, 0.94, 2.5), Original], "latency", None, "a", ["a", "b", "fp32"], []),
            ["unfused is not taken for latency, even where it was measured faster"] = (
            [Make("int8", 250, 0.94, 1.4) with { Unfused = true }, Original], "latency", None,
            "fp32", ["int8", "fp32"],
            [("int8", "The runtime dequantizes its weights at every run and computes in float; only a goal of size would take it.")]),
            ["unfused may be taken for size"] = (
            [Make("int8", 250, 0.94, 1.4) with { Unfused = true }, Original], "size", None, "int8", ["int8", "fp32"], []),
            ["the float model alone"] = ([Original], "accuracy", None, "fp32", ["fp32"], []),
        };

    public static TheoryData<string> Names => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Choice(string row)
    {
        var (candidates, goal, budgets, chosen, front, reasons) = Rows[row];
        var decision = VariantChoice.Decide(candidates, Enum.Parse<QuantizationGoal>(goal, ignoreCase: true), budgets);
        Assert.Equal(chosen, decision.Chosen);
        Assert.Equal(front, decision.Front);
        Assert.All(reasons, reason => Assert.Equal(reason.Reason, decision.NotChosen[reason.Id]));
        // Whatever is not chosen says why, and only that.
        Assert.Equal(candidates.Select(candidate => candidate.Id).Where(id => id != chosen).Order(), decision.NotChosen.Keys.Order());
        // What may not be released is exactly what says so.
        Assert.All(decision.OverBudget, pair => Assert.Equal(pair.Value, decision.NotChosen[pair.Key]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Order_of_the_candidates_changes_nothing(string row)
    {
        var (candidates, goal, budgets, chosen, front, _) = Rows[row];
        var decision = VariantChoice.Decide([.. candidates.Reverse()], Enum.Parse<QuantizationGoal>(goal, ignoreCase: true), budgets);
        Assert.Equal(chosen, decision.Chosen);
        Assert.Equal(front, decision.Front);
    }

    [Fact]
    public void Tighter_of_two_budgets_holds_in_each_figure()
    {
        var both = VariantChoice.Tighter(new ProfileBudget { MaximumBytes = 100, MaximumLatencyP95 = TimeSpan.FromSeconds(1) },
            new ProfileBudget { MaximumBytes = 200, MaximumLatencyP95 = TimeSpan.FromMilliseconds(5), MaximumMemoryBytes = 7 });
        Assert.Equal(new ProfileBudget { MaximumBytes = 100, MaximumLatencyP95 = TimeSpan.FromMilliseconds(5), MaximumMemoryBytes = 7 },
            both);
    }

    [Fact]
    public void Every_scheme_of_the_worker_can_be_named_in_a_spec()
    {
        Assert.Equal(QuantizationSchemes.All.Select(scheme => scheme.Name).Order(), BuildSpecRules.Schemes.Order());
        Assert.Equal(Enum.GetNames<QuantizationGoal>().Select(name => name.ToLowerInvariant()), BuildSpecRules.Goals);
    }
}
