using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Choice;

/// <summary>Which variant of a profile to take.</summary>
public sealed class VariantChoiceTests
{
    private static readonly ProfileBudget None = new();

    private static readonly Candidate Original = new(
        "fp32", 1000, MetricValue.Of(Metric.Accuracy, 0.95))
    { IsFloat = true, Speed = RelativeSpeed.Original, LatencyP95 = TimeSpan.FromMilliseconds(10), MemoryBytes = 5000 };

    private static Candidate Make(string id, long bytes, double quality, double? speed) => new(
        id, bytes, MetricValue.Of(Metric.Accuracy, quality))
    {
        Speed = speed is { } value ? new RelativeSpeed(value, value * 0.995, value * 1.005) : null,
        LatencyP95 = speed is { } factor ? TimeSpan.FromMilliseconds(10 / factor) : null,
        MemoryBytes = bytes * 5,
    };

    /// <summary>A variant whose speed a busy machine left open.</summary>
    private static Candidate Untold(string id, long bytes, double quality, double speed)
        => Make(id, bytes, quality, speed) with { Speed = new RelativeSpeed(speed, speed * 0.6, speed * 1.6) };

    /// <summary>A variant of a profile that is not this machine's.</summary>
    private static Candidate Estimate(string id, long bytes, double quality, double speed)
        => Make(id, bytes, quality, null) with { Speed = RelativeSpeed.Estimated(speed) };

    private const string FourBits =
        "Four-bit weights are taken where they are faster than the float model, which is not known of these, or for a goal of size.";

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
            "fp32", ["int4", "fp32"],
            [("int4", "It runs at 0.60, 0.60 to 0.60 times the speed of the float model; only a goal of size would take it.")]),
            ["slower than float is not taken for accuracy"] = (
            [Make("int4", 150, 0.94, 0.6), Original], "accuracy", None, "fp32", ["int4", "fp32"], []),
            ["slower than float may be taken for size"] = (
            [Make("int4", 150, 0.94, 0.6), Original], "size", None, "int4", ["int4", "fp32"], []),
            ["slower within noise is as fast, and smaller"] = ([Make("int8", 250, 0.94, 0.975), Original], "latency", None,
            "int8", ["int8", "fp32"],
            [
                ("fp32", "int8 is as fast as can be told (0.98, 0.97 to 0.98 times against 1.00 times) and smaller (250 against "
                    + "1,000 bytes)."),
            ]),
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
                ("int8", "Its peak memory is 0 MB; the budget is 0 MB."), ("fp32", "Its peak memory is 0 MB; the budget is 0 MB."),
            ]),
            ["of two errors the smaller is the better"] = (
            [
                Make("int8", 250, 0, 2) with { Figure = Error(15.7) }, Make("fp16", 500, 0, 1.1) with { Figure = Error(20.3) },
                Original with { Figure = Error(15.76) },
            ], "accuracy", None, "int8", ["int8"],
            [("fp16", "int8 is as small, as fast and as good, and better in one of them.")]),
            ["nothing within the budgets: nothing chosen"] = (
            [Make("int8", 250, 0.94, 2.5), Original], "latency", new ProfileBudget { MaximumBytes = 10 }, null, [], []),
            ["neither timed nor estimated: the nearest, and said"] = (
            [Make("int8", 250, 0.94, null), Make("int4", 150, 0.93, null), Original with { Speed = null }], "latency", None,
            "int8", ["int4", "int8", "fp32"],
            [("int4", "int8 is better in accuracy (0.94 against 0.93); neither was timed, because the profile is not this machine's.")]),
            ["estimated alike: the nearest, never the smallest"] = (
            [Estimate("int8", 250, 0.94, 2.0), Estimate("weights", 240, 0.93, 2.2), Original], "latency", None,
            "int8", ["weights", "int8", "fp32"],
            [
                ("weights", "int8 is about as fast by an estimate (2.0 against 2.2 times the float model; neither was timed) and better in "
                    + "accuracy (0.94 against 0.93)."),
                ("fp32", "int8 is estimated to be faster (2.0 against 1.0 times the float model; neither was timed)."),
            ]),
            ["estimated to be faster: that one, though less near"] = (
            [Estimate("int8", 250, 0.93, 2.6), Estimate("fp16", 500, 0.94, 1.0), Original], "latency", None,
            "int8", ["int8", "fp16", "fp32"],
            [("fp16", "int8 is estimated to be faster (2.6 against 1.0 times the float model; neither was timed).")]),
            ["estimated to be slower than float: not for latency"] = (
            [Estimate("int8", 250, 0.94, 0.5), Original], "latency", None, "fp32", ["int8", "fp32"],
            [("int8", "It is estimated to run at 0.5 times the speed of the float model; only a goal of size would take it.")]),
            ["four bits whose speed is not known: not for latency"] = (
            [Estimate("int4", 150, 0.95, 1.1) with { IsFourBit = true }, Estimate("int8", 250, 0.94, 1.1), Original], "latency", None,
            "int8", ["int4", "int8", "fp32"], [("int4", FourBits)]),
            ["four bits as fast as float: not for accuracy"] = (
            [Make("int4", 150, 0.96, 1.0) with { IsFourBit = true }, Make("int8", 250, 0.94, 1.0), Original], "accuracy", None,
            "int8", ["int4", "int8", "fp32"], [("int4", FourBits), ("fp32", "int8 is smaller and not slower.")]),
            ["four bits that were measured to be faster"] = (
            [Make("int4", 150, 0.94, 3.0) with { IsFourBit = true }, Make("int8", 250, 0.94, 2.0), Original], "latency", None,
            "int4", ["int4", "fp32"], []),
            ["four bits for size"] = (
            [Make("int4", 150, 0.94, 0.8) with { IsFourBit = true }, Make("int8", 250, 0.94, 2.0), Original], "size", None,
            "int4", ["int4", "int8", "fp32"], []),
            ["four bits where a budget leaves nothing else"] = (
            [Estimate("int4", 150, 0.94, 1.0) with { IsFourBit = true }, Estimate("int8", 250, 0.94, 2.0), Original], "latency",
            new ProfileBudget { MaximumBytes = 200 }, "int4", ["int4"], []),
            ["larger than float is never taken, however fast and good"] = (
            [Make("stem", 1001, 0.96, 1.4), Make("int8", 280, 0.94, 1.0), Original], "accuracy", None, "int8", ["int8", "fp32", "stem"],
            [("stem", "Its file is not smaller than the float model (1,001 of 1,000 bytes).")]),
            ["as large as float is not taken for size either"] = (
            [Make("same", 1000, 0.96, 1.4), Original], "size", None, "fp32", ["fp32", "same"],
            [("same", "Its file is not smaller than the float model (1,000 of 1,000 bytes).")]),
            ["not timed and not smaller: the float model"] = (
            [Make("int8", 1100, 0.94, null), Original with { Speed = null }], "latency", None, "fp32", ["fp32"], []),
            ["tie in speed: the nearer"] = ([Make("a", 250, 0.94, 2.45), Make("b", 240, 0.93, 2.5), Original], "latency", None,
            "a", ["b", "a", "fp32"],
            [
                ("b", "a is as fast as can be told (2.45, 2.44 to 2.46 times against 2.50, 2.49 to 2.51 times) and better in accuracy "
                    + "(0.94 against 0.93)."),
            ]),
            ["tie in speed, equally near: the smaller"] = (
            [Make("a", 250, 0.94, 2.5), Untold("b", 240, 0.94, 2.0), Original], "latency", None, "b", ["b", "a", "fp32"], []),
            ["nothing can be told: the nearest of what is smaller, whatever the medians say"] = (
            [Untold("a", 250, 0.93, 1.3), Untold("b", 300, 0.94, 0.8), Original], "latency", None, "b", ["a", "b", "fp32"],
            [
                ("a", "b is as fast as can be told (0.80, 0.48 to 1.28 times against 1.30, 0.78 to 2.08 times) and better in accuracy "
                    + "(0.94 against 0.93)."),
                ("fp32", "b is as fast as can be told (0.80, 0.48 to 1.28 times against 1.00 times) and smaller (300 against 1,000 "
                    + "bytes)."),
            ]),
            ["labels that cannot tell two apart: the closer, though less often right on these samples"] = (
            [
                Estimate("int8", 250, 0.94, 1.1) with { Scatter = 0.02, SignalToNoise = 33 },
                Estimate("fp16", 500, 0.93, 1.0) with { Scatter = 0.01, SignalToNoise = 77.8 }, Original,
            ], "latency", None, "fp16", ["int8", "fp16", "fp32"],
            [
                ("int8", "fp16 is about as fast by an estimate (1.0 against 1.1 times the float model; neither was timed) and as good as "
                    + "can be told in accuracy (0.93 against 0.94) and closer to the float model (77.8 against 33.0 dB)."),
            ]),
            ["labels that can: the better, though less close"] = (
            [
                Estimate("int8", 250, 0.94, 1.1) with { Scatter = 0.004, SignalToNoise = 33 },
                Estimate("fp16", 500, 0.93, 1.0) with { Scatter = 0.003, SignalToNoise = 77.8 }, Original,
            ], "latency", None, "int8", ["int8", "fp16", "fp32"],
            [
                ("fp16", "int8 is about as fast by an estimate (1.1 against 1.0 times the float model; neither was timed) and better in "
                    + "accuracy (0.94 against 0.93)."),
            ]),
            ["as often right: the closer, though larger"] = (
            [
                Make("weights", 250, 0.94, 1.0) with { Scatter = 0.01, SignalToNoise = 30 },
                Make("dynamic", 260, 0.94, 1.0) with { Scatter = 0.01, SignalToNoise = 48 }, Original,
            ], "accuracy", None, "dynamic", ["weights", "dynamic", "fp32"], [
                ("weights", "dynamic is as good as can be told in accuracy (0.94 against 0.94) and closer to the float model (48.0 against "
                    + "30.0 dB)."),
            ]),
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
    public void What_could_not_be_told_of_the_chosen_ones_speed_is_left_to_devices()
    {
        string? Told(params Candidate[] candidates)
            => VariantChoice.Decide([.. candidates, Original], QuantizationGoal.Latency, None).Untold;
        Assert.Equal(
            "Its speed (1.20, 0.72 to 1.92 times) could not be told here from that of the float model (1.00 times); devices will tell.",
            Told(Untold("a", 250, 0.94, 1.2)));
        Assert.StartsWith("It is estimated to run at 2.0 times the speed of the float model", Told(Estimate("a", 250, 0.94, 2)),
            StringComparison.Ordinal);
        Assert.EndsWith(" An estimate may be off by a factor of 1.25, so that it cannot be told here from b (estimated 1.7 times).",
            Told(Estimate("a", 250, 0.94, 2), Estimate("b", 240, 0.93, 1.7), Estimate("c", 230, 0.93, 1.2)), StringComparison.Ordinal);
        Assert.Null(Told(Make("a", 250, 0.94, 2)));
        // Equal beyond doubt is told as well.
        Assert.Null(Told(Make("a", 250, 0.94, 1)));
    }

    [Theory]
    [InlineData(2, 1.7, "latency", true)] // closer together than an estimate may be off
    [InlineData(2, 1.5, "latency", false)]
    [InlineData(2, 1.7, "size", false)] // no time decides
    [InlineData(2, 1.7, "accuracy", false)]
    public void Devices_are_asked_where_another_variant_may_be_faster(double chosen, double other, string goal, bool asks)
        => Assert.Equal(asks, VariantChoice.Decide(
            [Estimate("a", 250, 0.94, chosen), Estimate("b", 240, 0.93, other), Original],
            Enum.Parse<QuantizationGoal>(goal, ignoreCase: true), None).AsksDevices);

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
        Assert.Equal([Effort.Fast, Effort.Balanced, Effort.Thorough], BuildSpecRules.Efforts.Select(Effort.Named));
    }
}
