using Fleet.Cli.Display;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Tests.Display;

/// <summary>The tables and charts of <c>fleet telemetry</c>.</summary>
public sealed class TelemetryTablesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly TelemetryView View = new()
    {
        Device = DeviceId.Parse("press-7"),
        Model = "vibration",
        Version = 3,
        Variant = "x64-int8",
        Count = 12_345,
        Latency = new LatencySummary(TimeSpan.FromMilliseconds(0.41), TimeSpan.FromMilliseconds(1.2), TimeSpan.FromMilliseconds(12)),
        Classes = [3, 1],
        Confidence = [0, 0, 0, 0, 0, 0, 0, 0, 1, 3],
        Resources = new ResourceStats { CpuUsage = 0.125, AgentMemoryBytes = 90L << 20, TemperatureCelsius = 51.5 },
        Series = [Point(0), Point(4), Point(8)],
    };

    [Fact]
    public void Table_has_a_line_a_device_and_model()
    {
        var (table, _) = Screen.Of(screen => TelemetryTables.WriteTable(screen, [View]));
        Assert.Matches(@"(?m)^DEVICE +MODEL +VARIANT +INFERENCES +ERRORS +P50 MS +P95 MS +P99 MS +CPU +MEMORY +TEMP\. +OVER TIME$", table);
        Assert.Matches(
            @"(?m)^press-7 +vibration 3 +x64-int8 +12,345 +0 +0\.410 +1\.20 +12\.0 +12\.5 % +94\.4 MB +52 °C +▁▄█$", table);
    }

    [Fact]
    public void All_devices_together_come_first_and_are_named_so()
    {
        var (table, _) = Screen.Of(screen => TelemetryTables.WriteTable(screen, [View, View with { Device = null, Resources = null }]));
        var lines = table.Split('\n');
        Assert.Matches(@"^all devices +vibration 3 .* +- +- +- +▁▄█$", lines[1]);
        Assert.StartsWith("press-7", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Model_that_served_nothing_has_dashes_and_no_zeros()
    {
        var silent = View with { Count = 0, Latency = null, Resources = null, Series = [] };
        var (table, _) = Screen.Of(screen => TelemetryTables.WriteTable(screen, [silent]));
        Assert.Matches(@"(?m)^press-7 +vibration 3 +x64-int8 +0 +0 +- +- +- +- +- +-$", table);
    }

    [Fact]
    public void Predicted_values_are_told_in_a_sentence_each_and_numbered_where_there_are_several()
    {
        var one = View with { Values = [new ValueStats(4, 81.25, 3.5, 77.1, 84.9)] };
        Assert.Contains("press-7, vibration: predicted 81.25 ± 3.5, 77.1 to 84.9\n", Table(one), StringComparison.Ordinal);
        var two = View with { Values = [new ValueStats(4, 1, 0, 1, 1), new ValueStats(4, 2, 0, 2, 2)] };
        Assert.Contains("press-7, vibration: predicted value 1 1 ± 0, 1 to 1\n", Table(two), StringComparison.Ordinal);
        Assert.Contains("press-7, vibration: predicted value 2 2 ± 0, 2 to 2\n", Table(two), StringComparison.Ordinal);
    }

    [Fact]
    public void Boxes_are_told_by_number_and_size()
    {
        var boxes = View with { Boxes = new BoxStats(new ValueStats(2, 1.5, 0.5, 1, 2), new ValueStats(3, 0.25, 0.1, 0.1, 0.5)) };
        Assert.Contains("press-7, vibration: boxes a sample 1.5 ± 0.5, 1 to 2; their size 0.25 ± 0.1, 0.1 to 0.5\n", Table(boxes),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Charts_sum_all_devices_name_the_classes_and_say_how_sure_they_were()
    {
        var (text, _) = Screen.Of(screen => TelemetryTables.WriteCharts(
            screen, "vibration 3", [View, View with { Classes = [0, 3, 1] }], ["healthy", "worn"]));
        Assert.Contains("vibration 3: decisions by class\n", text, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^healthy +3 +37\.5 % +█+", text);
        Assert.Matches(@"(?m)^worn +4 +50\.0 % +█{30}$", text);
        // A class that the release does not name keeps its number.
        Assert.Matches(@"(?m)^class 2 +1 +12\.5 % ", text);
        Assert.Contains("vibration 3: confidence of the winning class\n", text, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^90-100 % +6 +75\.0 % +█{30}$", text);
    }

    [Fact]
    public void Model_without_confidence_has_no_chart_of_it()
    {
        var (text, _) = Screen.Of(screen => TelemetryTables.WriteCharts(screen, "v 3", [View with { Confidence = [] }], []));
        Assert.DoesNotContain("confidence", text, StringComparison.Ordinal);
    }

    private static string Table(TelemetryView view) => Screen.Of(screen => TelemetryTables.WriteTable(screen, [view])).Output;

    private static TelemetryPoint Point(long count) => new(Now, count, 0, TimeSpan.FromMilliseconds(1));
}
