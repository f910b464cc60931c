using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;
using Fleet.Server.Telemetry;
using Fleet.Server.Tests.Storage;
using Fleet.TestKit;
using MQTTnet;

namespace Fleet.Server.Tests.Telemetry;

public sealed class TelemetryTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    [Fact]
    public async Task Device_with_a_new_disk_is_heard_under_its_name_from_its_first_batch_on()
    {
        var before = await server.EnrollAsync("new-disk");
        var later = DateTimeOffset.UtcNow.AddYears(1);
        using (var client = await before.ConnectAsync())
            Assert.Equal(MqttClientPublishReasonCode.Success,
                await before.PublishAsync(client, Topics.Telemetry, Minute(later), FleetJson.Default.TelemetryBatch));
        var after = await server.EnrollWithAsync((await server.ReturnTokenAsync("new-disk")).Token, "new-disk");
        using (var client = await after.ConnectAsync())
            Assert.Equal(MqttClientPublishReasonCode.Success,
                await after.PublishAsync(client, Topics.Telemetry, Minute(DateTimeOffset.UtcNow), FleetJson.Default.TelemetryBatch));
        var view = Assert.Single(JsonSerializer.Deserialize(
            await server.Operator.GetStringAsync("/api/v1/telemetry?device=new-disk"), FleetJson.Default.IReadOnlyListTelemetryView)!);
        Assert.Equal((2, 6), (view.Batches, view.Count));

        static TelemetryBatch Minute(DateTimeOffset to) => new()
        {
            Sequence = 1,
            From = to.AddMinutes(-1),
            To = to,
            Models = [new InferenceStats { Model = "m", Version = 1, Variant = "v", Count = 3 }],
        };
    }

    [Fact]
    public async Task Batch_sent_twice_is_counted_once()
    {
        var device = await server.EnrollAsync("repeater");
        using var client = await device.ConnectAsync();
        var batch = Batch(1, Now, milliseconds: [1, 2, 3]);
        for (var n = 0; n < 2; n++)
            Assert.Equal(MqttClientPublishReasonCode.Success,
                await device.PublishAsync(client, Topics.Telemetry, batch, FleetJson.Default.TelemetryBatch));

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
        for (var n = 0; n < 2; n++)
            Assert.Equal(MqttClientPublishReasonCode.Success, (await TestDevice.PublishAsync(client, topic, pack)).ReasonCode);
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
        Assert.Contains("beyond",
            TelemetryRules.ProblemOf(batch with { Models = [batch.Models[0] with { Count = count, Errors = errors }] }),
            StringComparison.Ordinal);
        Assert.Contains("beyond",
            TelemetryRules.ProblemOf(batch with { Models = [batch.Models[0] with { Classes = [LatencyHistogram.MaximumCount + 1] }] }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Predicted_values_and_boxes_of_all_batches_are_merged()
    {
        TelemetryBatch With(long sequence, ValueStats value) => Batch(sequence, Now, []) is var batch
            ? batch with { Models = [batch.Models[0] with { Values = [value], Boxes = new BoxStats(value, value) }] } : batch;
        var view = Assert.Single(TelemetryViews.Of(DeviceId.Parse("d"),
            [RollupOf(With(1, new ValueStats(1, 10, 0, 10, 10))), RollupOf(With(2, new ValueStats(3, 20, 0, 20, 20)))],
            Now.AddHours(-1), Now));
        Assert.Equal((4, 17.5, 10, 20), (view.Values![0].Count, view.Values[0].Mean, view.Values[0].Minimum, view.Boxes!.Size.Maximum));
    }

    [Fact]
    public async Task Telemetry_is_selected_by_model_and_time()
    {
        var device = await server.EnrollAsync("selective");
        using var client = await device.ConnectAsync();
        await device.PublishAsync(
            client, Topics.Telemetry, Batch(1, Now.AddMinutes(-30), milliseconds: [1]), FleetJson.Default.TelemetryBatch);
        await device.PublishAsync(client, Topics.Telemetry, Batch(2, Now, milliseconds: [1]), FleetJson.Default.TelemetryBatch);

        Assert.Equal(2, Assert.Single(await QueryAsync("device=selective")).Batches);
        Assert.Equal(1, Assert.Single(
            await QueryAsync($"device=selective&since={Uri.EscapeDataString(Now.AddMinutes(-5).ToString("O"))}")).Batches);
        Assert.Empty(await QueryAsync("device=selective&model=other"));
        Assert.Contains(await QueryAsync(""), view => view.Device?.Value == "selective");
    }

    [Fact]
    public void Percentiles_come_from_merged_histograms_and_not_from_averages()
    {
        // Ninety fast ones in the first batch, ten slow ones in the second: the mean of both medians would be 50 ms.
        Rollup[] rollups = [
            RollupOf(Batch(1, Now.AddMinutes(-1), [.. Enumerable.Repeat(1.0, 90)])),
            RollupOf(Batch(2, Now, [.. Enumerable.Repeat(100.0, 10)])),
        ];
        var view = Assert.Single(TelemetryViews.Of(DeviceId.Parse("d"), rollups, Now.AddHours(-1), Now));
        Assert.InRange(view.Latency!.P50.TotalMilliseconds, 1, 1.07);
        Assert.InRange(view.Latency.P95.TotalMilliseconds, 100, 107);
        Assert.Equal(100, view.Count);
        Assert.Equal([100L, 20L], view.Classes);
        Assert.Equal(100, view.Series.Sum(point => point.Count));
        Assert.True(view.Series.Count > 1 && view.Series.Zip(view.Series.Skip(1)).All(pair => pair.First.At < pair.Second.At));
    }

    [Fact]
    public void Device_that_served_nothing_has_no_percentiles()
        => Assert.Null(Assert.Single(
            TelemetryViews.Of(DeviceId.Parse("d"), [RollupOf(Batch(1, Now, []))], Now.AddHours(-1), Now)).Latency);

    [Fact]
    public async Task Fleet_of_more_devices_than_a_page_is_counted_whole_and_what_is_cut_is_said()
    {
        const int devices = 620;
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(devices);
        var now = fleet.Clock.GetUtcNow();
        // The first 600 in order of name serve one model, those behind them another.
        await Task.WhenAll(Enumerable.Range(0, devices).Select(n =>
            fleet.Store.AppendSamplesAsync(DeviceId.Parse($"dev-{n:00000}"), Batch(1, now, [1], n < 600 ? "speech" : "vision"), default)));

        var first = await fleet.Http.GetAsync(new Uri("/api/v1/telemetry", UriKind.Relative));
        Assert.Equal(500, (await ViewsAsync(first)).Count);
        var link = Assert.Single(first.Headers.GetValues("Link"));
        Assert.Matches("""^</api/v1/telemetry\?after=dev-00499>; rel="next"$""", link);

        var second = await fleet.Http.GetAsync(new Uri("/api/v1/telemetry?after=dev-00499", UriKind.Relative));
        Assert.Equal(devices - 500, (await ViewsAsync(second)).Count);
        Assert.False(second.Headers.Contains("Link"));

        // The model is looked for before devices are counted: it is not lost behind the first page.
        Assert.Equal(20, (await ViewsAsync(await fleet.Http.GetAsync(new Uri("/api/v1/telemetry?model=vision", UriKind.Relative)))).Count);
        var together = await ViewsAsync(await fleet.Http.GetAsync(new Uri("/api/v1/telemetry/fleet", UriKind.Relative)));
        Assert.Equal([("speech", 600L), ("vision", 20L)], together.Select(view => (view.Model, view.Count)));
        Assert.All(together, view => Assert.Null(view.Device));

        Assert.Contains("<b>620</b>", await fleet.Http.GetStringAsync(new Uri("/", UriKind.Relative)), StringComparison.Ordinal);
        var page = await fleet.Http.GetStringAsync(new Uri("/telemetry", UriKind.Relative));
        Assert.Contains("more follow", page, StringComparison.Ordinal);
        Assert.Contains("/telemetry?after=dev-00099", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Model_that_few_devices_served_costs_no_look_at_the_others()
    {
        const int devices = 300;
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(devices);
        var now = fleet.Clock.GetUtcNow();
        await Task.WhenAll(Enumerable.Range(0, devices).Select(n =>
            fleet.Store.AppendSamplesAsync(DeviceId.Parse($"dev-{n:00000}"), Batch(1, now, [1], n == 7 ? "rare" : "speech"), default)));
        // Once as it is in memory, once as a start finds it.
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal((0, 0), await ReadAsync("model=nobody"));
            Assert.Equal((1, 1), await ReadAsync("model=rare"));
            Assert.Equal((devices - 1, devices - 1), await ReadAsync("model=speech"));
            Assert.Equal((devices, devices), await ReadAsync(""));
            Assert.Equal((0, 0), await ReadAsync($"since={Uri.EscapeDataString(now.AddMinutes(5).ToString("O"))}"));
            await fleet.RestartAsync();
        }

        async Task<(int Views, long Reads)> ReadAsync(string query)
        {
            var store = (LiteFleetStore)fleet.Store;
            var before = store.RollupReads;
            var views = await ViewsAsync(await fleet.Http.GetAsync(new Uri($"/api/v1/telemetry?{query}", UriKind.Relative)));
            return (views.Count, store.RollupReads - before);
        }
    }

    [Fact]
    public async Task Export_gives_every_batch_as_it_came()
    {
        var device = await server.EnrollAsync("exported");
        using var client = await device.ConnectAsync();
        for (var n = 1; n <= 3; n++)
            await device.PublishAsync(client, Topics.Telemetry, Batch(n, Now.AddSeconds(n), [1]), FleetJson.Default.TelemetryBatch);

        var lines = (await server.Operator.GetStringAsync("/api/v1/telemetry/export?device=exported"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal([1L, 2L, 3L],
            lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("batch").GetProperty("sequence").GetInt64()));
    }

    [Fact]
    public async Task Server_killed_after_the_acknowledgement_has_the_batch()
    {
        using var folder = new TemporaryFolder();
        var device = await KillAfterAcknowledgementAsync(folder);

        await using var child = StartServer(folder);
        await child.WaitForLineAsync("Operators:", TimeSpan.FromMinutes(1));
        using var client = await OperatorOfAsync(folder);
        var views = JsonSerializer.Deserialize(
            await client.GetStringAsync($"/api/v1/telemetry?device={device}"), FleetJson.Default.IReadOnlyListTelemetryView)!;
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
        using var client = await device.ConnectAsync(
            options => options.WithTcpServer(address[0], int.Parse(address[1], System.Globalization.CultureInfo.InvariantCulture)));
        for (var n = 1; n <= 20; n++)
            Assert.Equal(MqttClientPublishReasonCode.Success,
                await device.PublishAsync(client, Topics.Telemetry, Batch(n, Now.AddSeconds(n), [1]), FleetJson.Default.TelemetryBatch));
        child.Kill();
        await child.WaitForExitAsync(TimeSpan.FromSeconds(30));
        return device.Id.Value;
    }

    private static ChildProcess StartServer(TemporaryFolder folder) => ChildProcess.Start(
        Programs.Server, [
            $"--Fleet:DataFolder={folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", "--Fleet:Workers=0",
        ]);

    private static async Task<HttpClient> OperatorOfAsync(TemporaryFolder folder)
    {
        using var endpoints = JsonDocument.Parse(await File.ReadAllTextAsync(folder["endpoints.json"]));
        var client = new HttpClient { BaseAddress = new Uri(endpoints.RootElement.GetProperty("api").GetString()!) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(folder["keys", "operator.key"])).Trim());
        return client;
    }

    private async Task<IReadOnlyList<TelemetryView>> QueryAsync(string query)
        => JsonSerializer.Deserialize(
            await server.Operator.GetStringAsync($"/api/v1/telemetry?{query}"), FleetJson.Default.IReadOnlyListTelemetryView)!;

    private static async Task<IReadOnlyList<TelemetryView>> ViewsAsync(HttpResponseMessage response)
        => JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(), FleetJson.Default.IReadOnlyListTelemetryView)!;

    private static Rollup RollupOf(TelemetryBatch batch)
    {
        var builder = new RollupBuilder(RollupBuilder.StartOf(RollupPeriod.Minute, batch.To));
        builder.Add(batch.Models[0], batch.To, batch.Resources);
        return builder.ToRollup();
    }

    private static TelemetryBatch Batch(long sequence, DateTimeOffset to, double[] milliseconds, string model = "speech") => new()
    {
        Sequence = sequence,
        From = to.AddSeconds(-10),
        To = to,
        Models =
        [
            new InferenceStats
            {
                Model = model,
                Version = 2,
                Variant = "x64-int8",
                Count = milliseconds.Length,
                Classes = sequence == 1 ? [milliseconds.Length + 10] : [0, 20],
                Latency = milliseconds.Aggregate(new LatencyHistogram(),
                    (sum, each) => sum.Merge(
                        new LatencyHistogram { Buckets = [LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(each))], Counts = [1] })),
            },
        ],
        Resources = new ResourceStats { CpuUsage = 0.5 },
    };
}
