using System.Buffers.Binary;
using System.Net;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;
using Fleet.Server.Telemetry;
using Fleet.Server.Tests.Storage;
using MQTTnet;

namespace Fleet.Server.Tests.Telemetry;

/// <summary>One device lies in its telemetry; pages and answers stay whole for everybody.</summary>
public sealed class TelemetryAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static readonly string[] Readers =
        ["/", "/telemetry", "/api/v1/telemetry", "/api/v1/telemetry/fleet", "/api/v1/telemetry?since=0001-01-01T00:00:00Z"];

    [Theory]
    [InlineData("count", "\"count\":9223372036854775807")]
    [InlineData("errors", "\"errors\":9223372036854775807")]
    [InlineData("class", "\"classes\":[9223372036854775807]")]
    [InlineData("confidence", "\"confidence\":[9223372036854775807,0,0,0,0,0,0,0,0,0]")]
    [InlineData("bucket", "\"latency\":{\"buckets\":[1],\"counts\":[9223372036854775807]}")]
    [InlineData("below-zero", "\"count\":-1")]
    [InlineData("beyond-long", "\"count\":92233720368547758070")]
    [InlineData("version", "\"version\":-7")]
    public async Task Number_that_would_run_over_is_refused_and_nothing_fails_for_others(string name, string field)
    {
        var device = await server.EnrollAsync($"liar-{name}");
        using var client = await device.ConnectAsync();
        for (var sequence = 1; sequence <= 2; sequence++)
        {
            var batch = $$"""
                {"sequence":{{sequence}},"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:10Z",
                 "models":[{"model":"m","version":1,"variant":"v",{{field}}}]}
                """;
            var answer = await TestDevice.PublishAsync(client, Topics.Of(device.Id, Topics.Telemetry), Encoding.UTF8.GetBytes(batch));
            // Acknowledged as what will never be taken, so that it is not sent for ever.
            Assert.Equal(MqttClientPublishReasonCode.PayloadFormatInvalid, answer.ReasonCode);
        }
        await ReadersSeeAsync(server.Operator);
    }

    [Fact]
    public async Task Sums_of_the_largest_numbers_there_may_be_stay_at_their_bound()
    {
        var device = await server.EnrollAsync("largest");
        using var client = await device.ConnectAsync();
        const long most = LatencyHistogram.MaximumCount;
        for (var sequence = 1; sequence <= 3; sequence++)
        {
            var batch = new TelemetryBatch
            {
                Sequence = sequence,
                From = DateTimeOffset.UtcNow.AddSeconds(-10),
                To = DateTimeOffset.UtcNow,
                Models =
                [
                    new InferenceStats
                    {
                        Model = "largest", Version = 1, Variant = "v", Count = most, Errors = most, Classes = [most, most],
                        Confidence = [most, most, 0, 0, 0, 0, 0, 0, 0, most],
                        Latency = new LatencyHistogram { Buckets = [1, LatencyHistogram.LastBucket], Counts = [most, most] },
                        Values = [new ValueStats(most, 1e300, 1e300, -1e308, 1e308)],
                        Boxes = new BoxStats(new ValueStats(most, 1e308, 1e308, 1e308, 1e308), new ValueStats(most, 0, 0, 0, 0)),
                    },
                ],
            };
            Assert.Equal(MqttClientPublishReasonCode.Success,
                await device.PublishAsync(client, Topics.Telemetry, batch, FleetJson.Default.TelemetryBatch));
        }
        await ReadersSeeAsync(server.Operator);
        var view = Assert.Single(JsonSerializer.Deserialize(
            await server.Operator.GetStringAsync("/api/v1/telemetry?device=largest"), FleetJson.Default.IReadOnlyListTelemetryView)!);
        Assert.Equal((most, most, 3), (view.Count, view.Errors, view.Batches));
        Assert.Equal([most, most], view.Classes);
    }

    [Fact]
    public async Task Models_that_one_device_invents_are_few_on_a_page_that_all_share()
    {
        await using var crowd = new RunningServer();
        await crowd.InitializeAsync();
        var device = await crowd.EnrollAsync("inventor");
        using var client = await device.ConnectAsync();
        var refused = 0;
        for (var sequence = 1; sequence <= 10; sequence++)
        {
            var batch = new TelemetryBatch
            {
                Sequence = sequence,
                From = DateTimeOffset.UtcNow,
                To = DateTimeOffset.UtcNow,
                Models =
                [
                    .. Enumerable.Range(0, Limits.ModelsPerDevice).Select(n
                        => new InferenceStats { Model = $"m-{sequence}-{n}", Version = 1, Variant = "v", Count = 1 }),
                ],
            };
            var answer = await device.PublishAsync(client, Topics.Telemetry, batch, FleetJson.Default.TelemetryBatch);
            if (answer == MqttClientPublishReasonCode.PayloadFormatInvalid) refused++;
        }
        Assert.Equal(10 - TelemetryBudget.ModelsPerDay / Limits.ModelsPerDevice, refused);
        var views = JsonSerializer.Deserialize(
            await crowd.Operator.GetStringAsync("/api/v1/telemetry/fleet"), FleetJson.Default.IReadOnlyListTelemetryView)!;
        Assert.Equal(TelemetryBudget.ModelsPerDay, views.Count);
    }

    [Fact]
    public async Task Batch_of_a_clock_that_runs_ahead_is_counted_when_it_came()
    {
        var device = await server.EnrollAsync("ahead");
        using var client = await device.ConnectAsync();
        var end = new DateTimeOffset(9999, 12, 31, 0, 0, 0, TimeSpan.Zero);
        var batch = new TelemetryBatch
        {
            Sequence = 1,
            From = end.AddSeconds(-10),
            To = end,
            Models = [new InferenceStats { Model = "ahead", Version = 1, Variant = "v", Count = 3 }],
        };
        for (var n = 0; n < 2; n++)
            Assert.Equal(MqttClientPublishReasonCode.Success,
                await device.PublishAsync(client, Topics.Telemetry, batch, FleetJson.Default.TelemetryBatch));
        var view = Assert.Single(JsonSerializer.Deserialize(
            await server.Operator.GetStringAsync("/api/v1/telemetry/fleet?model=ahead"), FleetJson.Default.IReadOnlyListTelemetryView)!);
        Assert.Equal(3, view.Count);
        Assert.True(view.To <= DateTimeOffset.UtcNow, $"{view.To}");
        await ReadersSeeAsync(server.Operator);
    }

    [Fact]
    public async Task Batch_that_an_earlier_program_has_stored_fails_no_start_and_no_page()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.EnrollAsync(2);
        var (liar, honest) = (DeviceId.Parse("dev-00000"), DeviceId.Parse("dev-00001"));
        var good = new TelemetryBatch
        {
            Sequence = 1,
            From = fleet.Clock.GetUtcNow().AddSeconds(-10),
            To = fleet.Clock.GetUtcNow(),
            Models = [new InferenceStats { Model = "speech", Version = 1, Variant = "v", Count = 3 }],
        };
        // As the program of protocol 1 took and kept it: the bytes as they came.
        foreach (var text in (string[])
            [
                Stored("\"count\":9223372036854775807,\"latency\":{\"buckets\":[1],\"counts\":[9223372036854775807]}"),
                Stored("\"count\":9223372036854775807,\"classes\":[9223372036854775807,-5]"), "null", "{", Stored("\"count\":-3"),
            ])
            await fleet.Store.AppendSamplesAsync(liar, new TelemetryMessage(Encoding.UTF8.GetBytes(text), [good]), default);
        await fleet.Store.AppendSamplesAsync(honest, new TelemetryMessage(TelemetryPack.Encode([good]), [good]), default);

        await fleet.RestartAsync();

        await ReadersSeeAsync(fleet.Http);
        var export = await fleet.Http.GetStringAsync(new Uri("/api/v1/telemetry/export", UriKind.Relative));
        Assert.Contains("dev-00001", export, StringComparison.Ordinal);
        var views = JsonSerializer.Deserialize(
            await fleet.Http.GetStringAsync(new Uri("/api/v1/telemetry?device=dev-00001", UriKind.Relative)),
            FleetJson.Default.IReadOnlyListTelemetryView)!;
        Assert.Equal(3, Assert.Single(views).Count);

        string Stored(string field) => $$"""
            {"sequence":{{field.Length}},"from":"{{good.From:O}}","to":"{{good.To:O}}",
             "models":[{"model":"speech","version":1,"variant":"v",{{field}}}]}
            """;
    }

    [Theory]
    [InlineData(0x1a, int.MaxValue)]
    [InlineData(0x1a, uint.MaxValue)]
    [InlineData(0x1b, 1UL << 31)]
    [InlineData(0x1b, 1UL << 32)]
    [InlineData(0x1b, ulong.MaxValue)]
    public void Pack_that_declares_to_be_larger_than_it_is_gets_no_memory(byte head, ulong length)
    {
        byte[] declared = head == 0x1a ? new byte[4] : new byte[8];
        if (head == 0x1a) BinaryPrimitives.WriteUInt32BigEndian(declared, (uint)length);
        else BinaryPrimitives.WriteUInt64BigEndian(declared, length);
        // Once as the length it unpacks to, once as that of its bytes, once as that of an array.
        byte[][] packs =
        [
            [0x83, 2, head, .. declared, 0x41, 0],
            [0x83, 2, 1, (byte)(head | 0x40), .. declared, 0],
            [(byte)(head | 0x80), .. declared, 2, 1, 0x41, 0],
        ];
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.All(packs, pack => Assert.Throws<FormatException>(() => TelemetryPack.Decode(pack)));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>A pack of two kilobytes that stood for half a gigabyte of zeros, and again for each reader.</summary>
    [Fact]
    public void Classes_that_never_occur_take_no_memory()
    {
        var classes = new long[65_536];
        var pack = TelemetryPack.Encode(
            [.. Enumerable.Range(0, Limits.BatchesPerPack).Select(n => Minute(n, Limits.ModelsPerDevice, classes))]);
        Assert.InRange(pack.Length, 1, 4096);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("counts of classes", Assert.Throws<FormatException>(() => TelemetryPack.Decode(pack)).Message,
            StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);

        // What a device full of models with a thousand classes each says in an hour is taken.
        TelemetryBatch[] honest =
            [.. Enumerable.Range(0, Limits.BatchesPerPack).Select(n => Minute(n, Limits.ModelsPerDevice, new long[1000]))];
        Assert.Equal(honest.Length, TelemetryPack.Decode(TelemetryPack.Encode(honest)).Count);
    }

    [Fact]
    public async Task Classes_that_one_device_invents_are_few_on_a_page_that_all_share()
    {
        var device = await server.EnrollAsync("classes");
        using var client = await device.ConnectAsync();
        Assert.Equal(MqttClientPublishReasonCode.Success, await SendAsync(1, 65_000));
        Assert.Equal(MqttClientPublishReasonCode.Success, await SendAsync(2, 500));
        Assert.Equal(MqttClientPublishReasonCode.PayloadFormatInvalid, await SendAsync(3, 500));
        Assert.Equal(MqttClientPublishReasonCode.Success, await SendAsync(2, 500));

        async Task<MqttClientPublishReasonCode> SendAsync(int model, int classes)
        {
            var batch = Minute(model, 1, new long[classes]);
            batch = batch with { Models = [batch.Models[0] with { Model = $"classes-{model}" }] };
            return (await TestDevice.PublishAsync(
                client, Topics.Of(device.Id, Topics.Telemetry), TelemetryPack.Encode([batch]))).ReasonCode;
        }
    }

    /// <summary>While an honest device waited for its turn in front of it, what a flooder told of grew for five minutes.</summary>
    [Theory]
    [InlineData(16, 2)]
    [InlineData(1, 16_000)]
    public async Task Rollups_of_a_device_that_tells_of_very_many_are_written_before_they_fill_the_memory(int models, int classes)
    {
        const int messages = 8;
        await using var test = new LiteTestStore();
        var store = (LiteFleetStore)test.Store;
        await store.AppendSamplesAsync(DeviceId.Parse("honest"), test.Batch(1), default);
        var most = 0;
        for (var message = 0; message < messages; message++)
        {
            TelemetryBatch[] batches = [.. Enumerable.Range(message * 60, 60).Select(n => Minute(n, models, new long[classes]))];
            await store.AppendSamplesAsync(TestStore.Device, new TelemetryMessage(TelemetryPack.Encode(batches), batches), default);
            most = Math.Max(most, store.UnwrittenRollups);
        }
        // Of each subject what it may have, and of the device that sends a message more.
        Assert.InRange(most, 1, models == 1 ? 300 : 16 * 256 + 256 + 1);
        for (var round = 0; round < 2; round++)
        {
            var rollups = await test.Store.RollupsAsync([TestStore.Device], new(RollupPeriod.Minute, DateTimeOffset.MinValue), default);
            Assert.Equal(messages * 60 * models, rollups[TestStore.Device].Sum(rollup => rollup.Batches));
            Assert.Equal(messages * 60 * models + 1,
                (await test.Store.FleetRollupsAsync(new(RollupPeriod.Minute, DateTimeOffset.MinValue), default)).Sum(each => each.Batches));
            await test.ReopenAsync();
        }
    }

    /// <summary>What models with these counts of classes did in one minute of the last days.</summary>
    private static TelemetryBatch Minute(int n, int models, long[] classes) => new()
    {
        Sequence = n + 1,
        From = new DateTimeOffset(2026, 11, 21, 0, 0, 0, TimeSpan.Zero).AddMinutes(n),
        To = new DateTimeOffset(2026, 11, 21, 0, 0, 30, TimeSpan.Zero).AddMinutes(n),
        Models =
        [
            .. Enumerable.Range(0, models)
                .Select(m => new InferenceStats { Model = $"m-{m}", Version = 1, Variant = "v", Count = 0, Classes = classes }),
        ],
    };

    private static async Task ReadersSeeAsync(HttpClient client)
    {
        foreach (var reader in Readers)
        {
            using var answer = await client.GetAsync(new Uri(reader, UriKind.Relative));
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{reader}: {answer.StatusCode}");
        }
    }
}
