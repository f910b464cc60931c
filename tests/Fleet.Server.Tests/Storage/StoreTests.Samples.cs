using Fleet.Contracts.Devices;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

public abstract partial class StoreTests
{
    [Fact]
    public async Task Batch_sent_twice_is_stored_once_even_across_a_restart()
    {
        var batch = _test.Batch(1);
        Assert.True(await _test.Store.AppendSamplesAsync(TestStore.Device, batch, default));
        Assert.False(await _test.Store.AppendSamplesAsync(TestStore.Device, batch, default));
        await _test.ReopenAsync();
        Assert.False(await _test.Store.AppendSamplesAsync(TestStore.Device, batch, default));
        Assert.Single(await SamplesAsync(DateTimeOffset.MinValue));
        Assert.Equal(1, Assert.Single(await RollupsAsync()).Batches);
    }

    [Fact]
    public async Task Batches_come_back_as_sent_in_the_order_they_arrived()
    {
        var before = _test.Batch(1, classes: 3);
        await _test.Store.AppendSamplesAsync(TestStore.Device, before, default);
        await FillAsync(400, from: 2);
        await _test.ReopenAsync();

        var samples = await SamplesAsync(DateTimeOffset.MinValue);
        Assert.Equal(Enumerable.Range(1, 400).Select(n => (long)n), samples.Select(sample => sample.Batch.Sequence).Take(400));
        Assert.Equal((before.From, before.To, TestStore.Device), (samples[0].Batch.From, samples[0].Batch.To, samples[0].Device));
        Assert.Equal(before.Models[0].Classes, samples[0].Batch.Models[0].Classes);
    }

    [Fact]
    public async Task Pack_of_which_a_part_came_before_adds_the_rest_once()
    {
        TelemetryBatch[] batches = [.. Enumerable.Range(0, 20).Select(n => At(n))];
        async Task<int> AppendAsync(Range part)
            => await _test.Store.AppendSamplesAsync(
                TestStore.Device, new TelemetryMessage(TelemetryPack.Encode(batches[part]), batches[part]), default);

        Assert.Equal(12, await AppendAsync(..12));
        Assert.Equal(8, await AppendAsync(..20));
        Assert.Equal(0, await AppendAsync(5..20));
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(batches.Select(batch => (batch.Sequence, batch.To)),
                (await SamplesAsync(DateTimeOffset.MinValue)).Select(sample => (sample.Batch.Sequence, sample.Batch.To)));
            Assert.Equal(20, (await RollupsAsync()).Sum(rollup => rollup.Batches));
            await _test.ReopenAsync();
        }

        TelemetryBatch At(int n) => _test.Batch(n + 1, classes: 2) with
        {
            From = _test.Clock.GetUtcNow().AddSeconds(10 * n),
            To = _test.Clock.GetUtcNow().AddSeconds(10 * n + 10),
        };
    }

    [Fact]
    public async Task Only_batches_that_arrived_after_the_given_time_are_read()
    {
        await FillAsync(400);
        var since = _test.Clock.GetUtcNow().AddMinutes(-10);
        var read = await SamplesAsync(since);
        Assert.InRange(read.Count, 40, 80);
        Assert.All(read, sample => Assert.True(sample.ArrivedAt > since));
    }

    [Fact]
    public async Task Devices_whose_names_begin_alike_do_not_share_samples()
    {
        await _test.Store.AppendSamplesAsync(DeviceId.Parse("dev-10"), _test.Batch(1), default);
        Assert.Empty(await RollupsAsync());
        Assert.True(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(1), default));
    }

    [Fact]
    public async Task Batch_of_a_gap_is_stored_when_it_comes_late()
    {
        foreach (var sequence in (long[])[1, 2, 5, 4])
            Assert.True(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(sequence), default));
        Assert.False(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(5), default));
        Assert.True(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(3), default));
    }

    [Fact]
    public async Task Device_whose_counter_began_again_is_heard()
    {
        await FillAsync(20);
        _test.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(1), default));
        Assert.False(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(1), default));
    }

    /// <summary>What it sent was acknowledged and thrown away, until its counter had passed that of its predecessor.</summary>
    [Fact]
    public async Task Device_that_was_enrolled_anew_is_heard_though_the_clock_of_its_predecessor_was_a_year_ahead()
    {
        var ahead = _test.Clock.GetUtcNow().AddYears(1);
        for (var n = 1; n <= 5; n++) Assert.Equal(1, await AppendAsync(_test.Batch(n) with { From = ahead, To = ahead }, "first"));
        await _test.ReopenAsync();
        Assert.Equal(0, await AppendAsync(_test.Batch(1), "first"));
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(round == 0 ? 1 : 0, await AppendAsync(_test.Batch(1), "second"));
            Assert.Equal(0, await AppendAsync(_test.Batch(1), "second"));
            await _test.ReopenAsync();
        }
        Assert.Equal(1, await AppendAsync(_test.Batch(2), "second"));
        Assert.Equal(7, (await RollupsAsync()).Sum(rollup => rollup.Batches));

        Task<int> AppendAsync(TelemetryBatch batch, string identity) => _test.Store.AppendSamplesAsync(
            TestStore.Device, new TelemetryMessage(TelemetryPack.Encode([batch]), [batch], identity), default);
    }

    /// <summary>Every batch that came later was kept until the time that the clock had shown for a moment.</summary>
    [Fact]
    public async Task Clock_of_the_server_that_was_years_ahead_keeps_no_telemetry_for_years()
    {
        var now = _test.Clock.GetUtcNow();
        await FillAsync(3);
        _test.Clock.AdjustTime(now.AddDays(800));
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(100), default);
        _test.Clock.AdjustTime(now.AddHours(1));
        for (var n = 4; n <= 6; n++) await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(n), default);
        await _test.ReopenAsync();

        var samples = await SamplesAsync(DateTimeOffset.MinValue);
        Assert.Equal([1, 2, 3, 100, 4, 5, 6], samples.Select(sample => sample.Batch.Sequence));
        Assert.All(samples, sample => Assert.True(sample.ArrivedAt <= now.AddHours(2), $"{sample.ArrivedAt}"));
        Assert.Equal([4, 5, 6], (await SamplesAsync(now.AddMinutes(59))).Select(sample => sample.Batch.Sequence).Where(n => n < 100));

        _test.Clock.AdjustTime(now.AddDays(2));
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(7), default);
        await _test.Store.DropSamplesAsync(now.AddDays(1), default);
        Assert.Equal(7, Assert.Single(await SamplesAsync(DateTimeOffset.MinValue)).Batch.Sequence);
    }

    /// <summary>Found in review: the clock was an hour fast, and the machine then booted without the time.</summary>
    [Fact]
    public async Task Clock_that_was_a_little_ahead_and_then_years_behind_makes_nobody_forget_telemetry()
    {
        var now = _test.Clock.GetUtcNow();
        await FillAsync(3);
        _test.Clock.AdjustTime(now.AddHours(1));
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(4), default);
        _test.Clock.AdjustTime(now.AddYears(-1));
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(5), default);
        await _test.ReopenAsync();
        _test.Clock.AdjustTime(now.AddMinutes(2));
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(6), default);
        await _test.Store.DropSamplesAsync(now.AddDays(-14), default);

        var samples = await SamplesAsync(DateTimeOffset.MinValue);
        Assert.Equal([1, 2, 3, 4, 5, 6], samples.Select(sample => sample.Batch.Sequence));
        Assert.All(samples, sample => Assert.InRange(sample.ArrivedAt, now, now.AddMinutes(3)));

        _test.Clock.AdjustTime(now.AddDays(15));
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(7), default);
        await _test.Store.DropSamplesAsync(now.AddDays(1), default);
        Assert.Equal(7, Assert.Single(await SamplesAsync(DateTimeOffset.MinValue)).Batch.Sequence);
    }

    [Fact]
    public async Task Rollups_hold_every_batch_once_however_often_the_store_is_opened()
    {
        // Ten seconds a batch: 6 a minute, over 100 minutes and so over many rows; some are written by then and some are not.
        for (var part = 0; part < 5; part++)
        {
            await FillAsync(120, from: 1 + part * 120, classes: 4);
            if (part % 2 == 0) await _test.ReopenAsync();
        }
        foreach (var period in (RollupPeriod[])[RollupPeriod.Minute, RollupPeriod.Hour])
        {
            foreach (var rollups in (IReadOnlyList<Rollup>[])[
                await RollupsAsync(period), await _test.Store.FleetRollupsAsync(new(period, DateTimeOffset.MinValue), default),
            ])
            {
                Assert.Equal(600, rollups.Sum(rollup => rollup.Batches));
                Assert.Equal(600 * 601 / 2, rollups.Sum(rollup => rollup.Stats.Count));
                Assert.Equal(600 * 7, rollups.Sum(rollup => rollup.Stats.Classes[3]));
                Assert.Equal(rollups.Select(rollup => rollup.From).Order().Distinct(), rollups.Select(rollup => rollup.From));
            }
        }
        Assert.InRange((await RollupsAsync(RollupPeriod.Minute)).Count, 100, 102);
        Assert.InRange((await RollupsAsync(RollupPeriod.Hour)).Count, 2, 3);
    }

    [Fact]
    public async Task Rollups_of_one_model_are_that_model_s_alone_written_or_not()
    {
        DeviceId other = DeviceId.Parse("dev-2");
        var two = _test.Batch(1) with { Models = [.. Models("speech", "vision")] };
        await _test.Store.AppendSamplesAsync(TestStore.Device, two, default);
        await _test.Store.AppendSamplesAsync(other, _test.Batch(1) with { Models = [.. Models("vision")] }, default);
        for (var round = 0; round < 2; round++)
        {
            var query = new RollupQuery(RollupPeriod.Minute, _test.Clock.GetUtcNow().AddHours(-1), "speech");
            var read = await _test.Store.RollupsAsync([TestStore.Device, other], query, default);
            Assert.Equal("speech", Assert.Single(read[TestStore.Device]).Stats.Model);
            Assert.Empty(read[other]);
            Assert.Equal("speech", Assert.Single(await _test.Store.FleetRollupsAsync(query, default)).Stats.Model);
            Assert.Empty(await _test.Store.FleetRollupsAsync(query with { Model = "spee" }, default));
            await _test.ReopenAsync();
        }
        IEnumerable<InferenceStats> Models(params string[] names) => names.Select(name => _test.Batch(1).Models[0] with { Model = name });
    }

    [Fact]
    public async Task Batches_that_come_a_day_late_go_to_the_period_they_are_of()
    {
        await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(2), default);
        var old = _test.Batch(1) with
        {
            From = _test.Clock.GetUtcNow().AddDays(-1),
            To = _test.Clock.GetUtcNow().AddDays(-1).AddSeconds(10),
        };
        await _test.Store.AppendSamplesAsync(TestStore.Device, old, default);
        await _test.ReopenAsync();

        Assert.Equal([
            RollupBuilder.StartOf(RollupPeriod.Minute, old.To), RollupBuilder.StartOf(RollupPeriod.Minute, _test.Clock.GetUtcNow()),
        ], (await RollupsAsync()).Select(rollup => rollup.From));
        Assert.Single((await _test.Store.RollupsAsync(
            [TestStore.Device], new(RollupPeriod.Minute, _test.Clock.GetUtcNow().AddHours(-1)), default))[TestStore.Device]);
    }

    [Fact]
    public async Task Old_samples_are_dropped_rollups_of_hours_stay_longer_and_what_was_seen_stays_known()
    {
        var first = _test.Batch(1);
        await _test.Store.AppendSamplesAsync(TestStore.Device, first, default);
        await FillAsync(1500, from: 2);
        var before = _test.Clock.GetUtcNow().AddHours(-1);

        Assert.True(await _test.Store.DropSamplesAsync(before, default) > 0);

        Assert.All(await SamplesAsync(DateTimeOffset.MinValue), sample => Assert.True(sample.ArrivedAt >= before));
        Assert.False(await _test.Store.AppendSamplesAsync(TestStore.Device, first, default));
        Assert.Equal(0, await _test.Store.DropSamplesAsync(before, default));

        // A day on: minutes are gone, hours are there as long as telemetry is kept.
        _test.Clock.Advance(IFleetStore.MinutesKept * 2);
        await _test.Store.DropSamplesAsync(before.AddDays(-10), default);
        Assert.Empty(await RollupsAsync());
        Assert.NotEmpty(await RollupsAsync(RollupPeriod.Hour));
        await _test.Store.DropSamplesAsync(_test.Clock.GetUtcNow(), default);
        Assert.Empty(await RollupsAsync(RollupPeriod.Hour));
        Assert.Empty(await SamplesAsync(DateTimeOffset.MinValue));
    }

    [Fact]
    public async Task Numbers_at_their_limit_spoil_no_sum()
    {
        var large = new TelemetryBatch
        {
            Sequence = 1,
            From = _test.Clock.GetUtcNow(),
            To = _test.Clock.GetUtcNow(),
            Models = [
                new InferenceStats
                {
                    Model = "m",
                    Version = 1,
                    Variant = "v",
                    Count = long.MaxValue,
                    Classes = [long.MaxValue],
                    Latency = new LatencyHistogram { Buckets = [3], Counts = [LatencyHistogram.MaximumCount] },
                },
            ],
        };
        await _test.Store.AppendSamplesAsync(TestStore.Device, large, default);
        await _test.Store.AppendSamplesAsync(TestStore.Device, large with { Sequence = 2 }, default);
        await _test.ReopenAsync();

        var rollup = Assert.Single(await RollupsAsync());
        Assert.Equal((LatencyHistogram.MaximumCount, LatencyHistogram.MaximumCount), (rollup.Stats.Count, rollup.Stats.Classes[0]));
        Assert.Equal(LatencyHistogram.MaximumCount, rollup.Stats.Latency.Total());
    }

    private async Task<IReadOnlyList<Sample>> SamplesAsync(DateTimeOffset since)
        => await _test.Store.SamplesAsync(since, default).ToListAsync();

    private async Task<IReadOnlyList<Rollup>> RollupsAsync(RollupPeriod period = RollupPeriod.Minute)
        => (await _test.Store.RollupsAsync([TestStore.Device], new(period, DateTimeOffset.MinValue), default))[TestStore.Device];

    private async Task FillAsync(int count, int from = 1, int classes = 10)
    {
        var pending = new List<Task>();
        for (var n = from; n < from + count; n++)
        {
            _test.Clock.Advance(TimeSpan.FromSeconds(10));
            pending.Add(_test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(n, classes), default));
            // Not one by one: the batches of a burst share a transaction. But the clock is read when they are applied.
            if (pending.Count == 20)
            {
                await Task.WhenAll(pending);
                pending.Clear();
            }
        }
        await Task.WhenAll(pending);
    }
}
