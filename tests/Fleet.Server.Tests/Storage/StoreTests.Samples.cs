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
        Assert.Single(await ReadAsync(DateTimeOffset.MinValue));
    }

    [Fact]
    public async Task Batches_come_back_in_order_over_many_packs()
    {
        await FillAsync(400);
        await _test.ReopenAsync();
        Assert.Equal(Enumerable.Range(1, 400).Select(n => (long)n), (await ReadAsync(DateTimeOffset.MinValue)).Select(batch => batch.Sequence));
    }

    [Fact]
    public async Task Only_batches_after_the_given_time_are_read()
    {
        await FillAsync(400);
        var since = _test.Clock.GetUtcNow().AddMinutes(-5);
        var read = await ReadAsync(since);
        Assert.Equal(30, read.Count);
        Assert.All(read, batch => Assert.True(batch.To > since));
    }

    [Fact]
    public async Task Devices_whose_names_begin_alike_do_not_share_samples()
    {
        await _test.Store.AppendSamplesAsync(Contracts.Devices.DeviceId.Parse("dev-10"), _test.Batch(1), default);
        Assert.Empty(await ReadAsync(DateTimeOffset.MinValue));
        Assert.True(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(1), default));
    }

    [Fact]
    public async Task Batch_of_a_gap_is_stored_when_it_comes_late()
    {
        foreach (var sequence in (long[])[1, 2, 5, 4]) Assert.True(await _test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(sequence), default));
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

    [Fact]
    public async Task Old_samples_are_dropped_and_still_known_as_seen()
    {
        var first = _test.Batch(1);
        await _test.Store.AppendSamplesAsync(TestStore.Device, first, default);
        await FillAsync(1500, from: 2);
        var before = _test.Clock.GetUtcNow().AddHours(-1);

        Assert.True(await _test.Store.DropSamplesAsync(TestStore.Device, before, default) > 0);

        var left = await ReadAsync(DateTimeOffset.MinValue);
        Assert.InRange(left.Count, 360, 360 * 2 + 60);
        Assert.False(await _test.Store.AppendSamplesAsync(TestStore.Device, first, default));
    }

    private Task<IReadOnlyList<Contracts.Telemetry.TelemetryBatch>> ReadAsync(DateTimeOffset since)
        => _test.Store.ReadSamplesAsync(TestStore.Device, since, int.MaxValue, default);

    private async Task FillAsync(int count, int from = 1)
    {
        var pending = new List<Task>();
        for (var n = from; n < from + count; n++)
        {
            _test.Clock.Advance(TimeSpan.FromSeconds(10));
            pending.Add(_test.Store.AppendSamplesAsync(TestStore.Device, _test.Batch(n, classes: 10), default));
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
