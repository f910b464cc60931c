using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Telemetry;
using Fleet.TestKit;
using MQTTnet;

namespace Fleet.Server.Tests.Telemetry;

public sealed class TelemetryTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    [Fact]
    public async Task Batch_sent_twice_is_counted_once()
    {
        var device = await server.EnrollAsync("repeater");
        using var client = await device.ConnectAsync();
        var batch = Batch(1, Now, milliseconds: [1, 2, 3]);
        for (var n = 0; n < 2; n++)
            Assert.Equal(MqttClientPublishReasonCode.Success, await device.PublishAsync(client, Topics.Telemetry, batch, FleetJson.Default.TelemetryBatch));

        var view = Assert.Single(await QueryAsync("device=repeater"));
        Assert.Equal((1, 3L, "x64-int8", 2), (view.Batches, view.Count, view.Variant, view.Version));
        Assert.Equal(0.5, view.Resources!.CpuUsage);
    }

    [Fact]
    public async Task Pack_is_stored_batch_by_batch_and_one_that_comes_again_changes_nothing()
    {
        var device = await server.EnrollAsync("packer");
        using var client = await device.ConnectAsync();
        var pack = TelemetryPack.Encode([Batch(1, Now.AddSeconds(-10), [1, 2]), Batch(2, Now, [3])]);
        var topic = Topics.Of(device.Id, Topics.Telemetry);
        for (var n = 0; n < 2; n++) Assert.Equal(MqttClientPublishReasonCode.Success, (await TestDevice.PublishAsync(client, topic, pack)).ReasonCode);
        var view = Assert.Single(await QueryAsync("device=packer"));
        Assert.Equal((2, 3L), (view.Batches, view.Count));
    }

    [Fact]
    public async Task Bytes_that_are_not_telemetry_are_refused_with_the_reason()
    {
        var device = await server.EnrollAsync("noisy");
        using var client = await device.ConnectAsync();
        var refused = await TestDevice.PublishAsync(client, Topics.Of(device.Id, Topics.Telemetry), [0x83, 3, 1, 0x41, 0]);
        Assert.Equal(MqttClientPublishReasonCode.PayloadFormatInvalid, refused.ReasonCode);
        Assert.Empty(await QueryAsync("device=noisy"));
    }

    [Theory]
    [InlineData(long.MaxValue, 0)]
    [InlineData(1, long.MaxValue)]
    [InlineData(LatencyHistogram.MaximumCount + 1, 0)]
    public void Count_that_would_overflow_a_sum_is_refused(long count, long errors)
    {
        var batch = Batch(1, Now, []);
        Assert.Contains("beyond", TelemetryRules.ProblemOf(batch with { Models = [batch.Models[0] with { Count = count, Errors = errors }] }), StringComparison.Ordinal);
        Assert.Contains("beyond", TelemetryRules.ProblemOf(batch with { Models = [batch.Models[0] with { Classes = [LatencyHistogram.MaximumCount + 1] }] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Predicted_values_and_boxes_of_all_batches_are_merged()
    {
        TelemetryBatch With(long sequence, ValueStats value) => Batch(sequence, Now, []) is var batch
            ? batch with { Models = [batch.Models[0] with { Values = [value], Boxes = new BoxStats(value, value) }] } : batch;
        var view = Assert.Single(TelemetryViews.Of(Contracts.Devices.DeviceId.Parse("d"), [With(1, new ValueStats(1, 10, 0, 10, 10)), With(2, new ValueStats(3, 20, 0, 20, 20))], null, Now.AddHours(-1), Now));
        Assert.Equal((4, 17.5, 10, 20), (view.Values![0].Count, view.Values[0].Mean, view.Values[0].Minimum, view.Boxes!.Size.Maximum));
    }

    [Fact]
    public async Task Telemetry_is_selected_by_model_and_time()
    {
        var device = await server.EnrollAsync("selective");
        using var client = await device.ConnectAsync();
        await device.PublishAsync(client, Topics.Telemetry, Batch(1, Now.AddMinutes(-30), milliseconds: [1]), FleetJson.Default.TelemetryBatch);
        await device.PublishAsync(client, Topics.Telemetry, Batch(2, Now, milliseconds: [1]), FleetJson.Default.TelemetryBatch);

        Assert.Equal(2, Assert.Single(await QueryAsync("device=selective")).Batches);
        Assert.Equal(1, Assert.Single(await QueryAsync($"device=selective&since={Uri.EscapeDataString(Now.AddMinutes(-5).ToString("O"))}")).Batches);
        Assert.Empty(await QueryAsync("device=selective&model=other"));
        Assert.Contains(await QueryAsync(""), view => view.Device.Value == "selective");
    }

    [Fact]
    public void Percentiles_come_from_merged_histograms_and_not_from_averages()
    {
        // Ninety fast ones in the first batch, ten slow ones in the second: the mean of both medians would be 50 ms.
        var batches = new[] { Batch(1, Now.AddSeconds(-10), [.. Enumerable.Repeat(1.0, 90)]), Batch(2, Now, [.. Enumerable.Repeat(100.0, 10)]) };
        var view = Assert.Single(TelemetryViews.Of(Contracts.Devices.DeviceId.Parse("d"), batches, null, Now.AddHours(-1), Now));
        Assert.InRange(view.Latency!.P50.TotalMilliseconds, 1, 1.07);
        Assert.InRange(view.Latency.P95.TotalMilliseconds, 100, 107);
        Assert.Equal(100, view.Count);
        Assert.Equal([100L, 20L], view.Classes);
        Assert.Equal(100, view.Series.Sum(point => point.Count));
        Assert.True(view.Series.Count > 1 && view.Series.Zip(view.Series.Skip(1)).All(pair => pair.First.At < pair.Second.At));
    }

    [Fact]
    public void Device_that_served_nothing_has_no_percentiles()
        => Assert.Null(Assert.Single(TelemetryViews.Of(Contracts.Devices.DeviceId.Parse("d"), [Batch(1, Now, [])], null, Now.AddHours(-1), Now)).Latency);

    [Fact]
    public async Task Server_killed_after_the_acknowledgement_has_the_batch()
    {
        using var folder = new TemporaryFolder();
        var device = await KillAfterAcknowledgementAsync(folder);

        await using var child = StartServer(folder);
        await child.WaitForLineAsync("Operators:", TimeSpan.FromMinutes(1));
        using var client = await OperatorOfAsync(folder);
        var views = JsonSerializer.Deserialize(await client.GetStringAsync($"/api/v1/telemetry?device={device}"), FleetJson.Default.IReadOnlyListTelemetryView)!;
        Assert.Equal(20, Assert.Single(views).Batches);
        child.Terminate();
        Assert.Equal(0, await child.WaitForExitAsync(TimeSpan.FromSeconds(30)));
        Assert.False(File.Exists(folder["endpoints.json"]));
    }

    private static async Task<string> KillAfterAcknowledgementAsync(TemporaryFolder folder)
    {
        // Enrolled by a server in this process; everything after that is said to the real program.
        await using var server = new RunningServer();
        await server.InitializeAsync();
        var device = await server.EnrollAsync("survivor");
        await server.CopyToAsync(folder.Path);

        await using var child = StartServer(folder);
        await child.WaitForLineAsync("Operators:", TimeSpan.FromMinutes(1));
        using var endpoints = JsonDocument.Parse(await File.ReadAllTextAsync(folder["endpoints.json"]));
        var address = endpoints.RootElement.GetProperty("mqtt").GetString()!.Split(':');
        using var client = await device.ConnectAsync(options => options.WithTcpServer(address[0], int.Parse(address[1], System.Globalization.CultureInfo.InvariantCulture)));
        for (var n = 1; n <= 20; n++)
            Assert.Equal(MqttClientPublishReasonCode.Success, await device.PublishAsync(client, Topics.Telemetry, Batch(n, Now.AddSeconds(n), [1]), FleetJson.Default.TelemetryBatch));
        child.Kill();
        await child.WaitForExitAsync(TimeSpan.FromSeconds(30));
        return device.Id.Value;
    }

    private static ChildProcess StartServer(TemporaryFolder folder) => ChildProcess.Start(
        Programs.Server, [$"--Fleet:DataFolder={folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", "--Fleet:Workers=0"]);

    private static async Task<HttpClient> OperatorOfAsync(TemporaryFolder folder)
    {
        using var endpoints = JsonDocument.Parse(await File.ReadAllTextAsync(folder["endpoints.json"]));
        var client = new HttpClient { BaseAddress = new Uri(endpoints.RootElement.GetProperty("api").GetString()!) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(folder["keys", "operator.key"])).Trim());
        return client;
    }

    private async Task<IReadOnlyList<TelemetryView>> QueryAsync(string query)
        => JsonSerializer.Deserialize(await server.Operator.GetStringAsync($"/api/v1/telemetry?{query}"), FleetJson.Default.IReadOnlyListTelemetryView)!;

    private static TelemetryBatch Batch(long sequence, DateTimeOffset to, double[] milliseconds) => new()
    {
        Sequence = sequence,
        From = to.AddSeconds(-10),
        To = to,
        Models =
        [
            new InferenceStats
            {
                Model = "speech",
                Version = 2,
                Variant = "x64-int8",
                Count = milliseconds.Length,
                Classes = sequence == 1 ? [milliseconds.Length + 10] : [0, 20],
                Latency = milliseconds.Aggregate(new LatencyHistogram(), (sum, each) => sum.Merge(new LatencyHistogram { Buckets = [LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(each))], Counts = [1] })),
            },
        ],
        Resources = new ResourceStats { CpuUsage = 0.5 },
    };
}
