using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Fleet.Contracts.Devices;
using Fleet.Server.Storage;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Storage;

public abstract partial class StoreTests
{
    private const int Acknowledged = 300;
    private static readonly TimeSpan WriterDeadline = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_the_process_is_killed()
    {
        await _test.CloseAsync();
        using var writer = new CrashWriter(_test);
        await writer.UntilAsync(() => writer.Lines >= Acknowledged);
        await writer.KillAsync();

        await _test.ReopenAsync();
        await AssertStoredAsync(_test.Store, writer);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4 << 20)]
    public async Task Nothing_acknowledged_is_lost_when_the_disk_fills_up_and_the_process_is_killed_later(long reserve)
    {
        await using var small = _test.OnSmallDisk(reserve);
        await small.CloseAsync();
        using var writer = new CrashWriter(small);
        await writer.UntilAsync(() => writer.Lines >= Acknowledged);

        small.Disk!.Fill();
        await writer.UntilAsync(() => writer.Refusals > 20);
        Assert.Contains("free", writer.LastRefusal, StringComparison.OrdinalIgnoreCase);
        var lines = writer.Lines;
        small.Disk.MakeSpace();
        await writer.UntilAsync(() => writer.Lines >= lines + Acknowledged);
        await writer.KillAsync();

        await small.ReopenAsync();
        await AssertStoredAsync(small.Store, writer);
    }

    [Fact]
    public async Task Below_the_reserve_telemetry_stops_first_then_documents_and_both_recover()
    {
        const long reserve = 8 << 20;
        await using var small = _test.OnSmallDisk(reserve);
        await small.Store.CommitAsync([StoreChange.Create("a", new Note("one"))], default);
        Assert.Null(await small.Store.ProblemAsync(default));

        small.Disk!.Fill(left: reserve * 3 / 4);
        var refused = await Assert.ThrowsAsync<StoreException>(
            () => small.Store.AppendSamplesAsync(TestStore.Device, small.Batch(1), default));
        Assert.Equal((StoreFailure.Full, true), (refused.Failure, refused.MayBeRetried));
        await small.Store.CommitAsync([StoreChange.Put("a", new Note("two"), 1)], default);
        Assert.Contains("telemetry", await small.Store.ProblemAsync(default), StringComparison.Ordinal);

        small.Disk.Fill(left: reserve / 4);
        refused = await Assert.ThrowsAsync<StoreException>(
            () => small.Store.CommitAsync([StoreChange.Put("a", new Note("three"), 2)], default));
        Assert.Equal(StoreFailure.Full, refused.Failure);
        Assert.Contains("Fleet:FreeSpaceReserve", refused.Message, StringComparison.Ordinal);
        Assert.Equal("two", (await small.Store.FindAsync<Note>("a", default))!.Document.Text);

        small.Disk.MakeSpace();
        Assert.Null(await small.Store.ProblemAsync(default));
        Assert.True(await small.Store.AppendSamplesAsync(TestStore.Device, small.Batch(1), default));
        await small.Store.CommitAsync([StoreChange.Put("a", new Note("three"), 2)], default);
    }

    /// <summary>A database never gets shorter: on a disk that telemetry had filled, none was taken again, whatever was dropped.</summary>
    [Fact]
    public async Task Below_the_reserve_telemetry_is_stored_where_older_telemetry_was_dropped()
    {
        const long reserve = 8 << 20;
        const int messageBytes = 100_000;
        await using var small = _test.OnSmallDisk(reserve);
        var (sequence, filled) = (0, 0);
        while (filled < 18 << 20) filled += await AppendAsync();
        // Opened anew, its log is empty and takes nothing of what is free.
        await small.ReopenAsync();
        small.Disk!.Fill(left: reserve * 7 / 8);
        await Assert.ThrowsAsync<StoreException>(AppendAsync);
        Assert.Contains("telemetry", await small.Store.ProblemAsync(default), StringComparison.Ordinal);

        small.Clock.Advance(TimeSpan.FromDays(1));
        Assert.True(await small.Store.DropSamplesAsync(small.Clock.GetUtcNow(), default) > 0);
        await small.ReopenAsync();

        Assert.DoesNotContain("telemetry", await small.Store.ProblemAsync(default), StringComparison.Ordinal);
        var stored = 0;
        await Assert.ThrowsAsync<StoreException>(async () =>
        {
            while (stored < 40 << 20) stored += await AppendAsync();
        });
        // Much of what was dropped is used again, and the disk keeps what is for documents.
        Assert.InRange(stored, 4 << 20, 20 << 20);
        Assert.InRange(small.Disk.Free, reserve / 2, long.MaxValue);
        await small.Store.CommitAsync([StoreChange.Create("a", new Note("one"))], default);

        async Task<int> AppendAsync()
        {
            // Noise, which nothing makes shorter.
            var bytes = RandomNumberGenerator.GetBytes(messageBytes);
            await small.Store.AppendSamplesAsync(TestStore.Device, new TelemetryMessage(bytes, [small.Batch(++sequence)]), default);
            return messageBytes;
        }
    }

    private static async Task AssertStoredAsync(IFleetStore store, CrashWriter writer)
    {
        Assert.Equal(CrashWriter.Writers, writer.Commits.Count);
        foreach (var (name, acknowledged) in writer.Commits)
        {
            var left = await store.FindAsync<Counter>($"left-{name}", default);
            var right = await store.FindAsync<Counter>($"right-{name}", default);
            Assert.True(left!.Document.Value >= acknowledged,
                $"Writer {name} was told {acknowledged}, the disk holds {left.Document.Value}.");
            Assert.Equal(left.Document, right!.Document);
            Assert.Equal(left.Document.Value, left.Version);
        }
        var samples = await store.SamplesAsync(DateTimeOffset.MinValue, default).ToLookupAsync(sample => sample.Device);
        var rollups = await store.RollupsAsync(
            [.. writer.Samples.Keys.Select(name => DeviceId.Parse($"dev-{name}"))],
            new RollupQuery(RollupPeriod.Minute, DateTimeOffset.MinValue), default);
        foreach (var (name, acknowledged) in writer.Samples)
        {
            var read = samples[DeviceId.Parse($"dev-{name}")].ToList();
            Assert.Equal(Enumerable.Range(1, read.Count).Select(n => (long)n), read.Select(sample => sample.Batch.Sequence));
            Assert.Equal(read.Count, rollups[DeviceId.Parse($"dev-{name}")].Sum(rollup => rollup.Batches));
            Assert.True(read.Count >= acknowledged, $"Device {name} was told {acknowledged}, the disk holds {read.Count}.");
        }
    }

    /// <summary>A process that writes to a store and says what was acknowledged, until it is killed.</summary>
    private sealed class CrashWriter : IDisposable
    {
        public const int Writers = 4;

        private readonly Process _process;

        public CrashWriter(TestStore store) => _process = Process.Start(
            new ProcessStartInfo(Programs.CrashWriter, store.WriterArguments) { RedirectStandardOutput = true })!;

        /// <summary>The last number of each writer that the store has acknowledged.</summary>
        public Dictionary<string, long> Commits { get; } = [];

        public Dictionary<string, long> Samples { get; } = [];

        public int Lines { get; private set; }

        public int Refusals { get; private set; }

        public string LastRefusal { get; private set; } = "";

        /// <summary>Reads what it says until <paramref name="enough"/>.</summary>
        public async Task UntilAsync(Func<bool> enough)
        {
            using var deadline = new CancellationTokenSource(WriterDeadline);
            while (!enough())
                Take(await _process.StandardOutput.ReadLineAsync(deadline.Token)
                    ?? throw new InvalidOperationException("The writer ended by itself."));
        }

        /// <summary>Ends it with SIGKILL and takes what it had said by then.</summary>
        public async Task KillAsync()
        {
            using var deadline = new CancellationTokenSource(WriterDeadline);
            _process.Kill();
            while (await _process.StandardOutput.ReadLineAsync(deadline.Token) is { } line) Take(line);
            await _process.WaitForExitAsync(deadline.Token);
            Assert.Equal(128 + 9, _process.ExitCode);
        }

        public void Dispose()
        {
            _process.Kill();
            _process.Dispose();
        }

        private void Take(string line)
        {
            switch (line.Split(' ', 3))
            {
                case ["commit", var writer, var number]:
                    Commits[writer] = long.Parse(number, CultureInfo.InvariantCulture);
                    Lines++;
                    break;
                case ["sample", var writer, var number]:
                    Samples[writer] = long.Parse(number, CultureInfo.InvariantCulture);
                    Lines++;
                    break;
                case ["refused", _, var why]:
                    LastRefusal = why;
                    Refusals++;
                    break;
            }
        }
    }
}
