using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Agent.Inference;
using Fleet.Agent.Link;
using Fleet.Agent.Telemetry;
using Fleet.Contracts;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Telemetry;

/// <summary>The sampler on a device whose clock is set.</summary>
public sealed class TelemetrySamplerTests
{
    /// <summary>Found in review: a batch that ended before it began was refused, and what it had counted was lost.</summary>
    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task Batch_of_an_interval_in_which_the_clock_is_set_lasts_as_long_as_the_interval_did(int hours)
    {
        using var folder = new TemporaryFolder();
        var data = new DataFolder(folder.Path);
        data.Create();
        var clock = new SetClock();
        var outbox = new Outbox(data, new LinkOptions(), NullLogger<Outbox>.Instance);
        await using var host = new InferenceHost(new InferenceOptions(), clock, NullLogger<InferenceHost>.Instance);
        using var sampler = new TelemetrySampler(
            host, new ResourceReader(folder.Path, folder.Path), outbox, data,
            new TelemetryOptions { Interval = TimeSpan.FromMilliseconds(100) }, clock, NullLogger<TelemetrySampler>.Instance);
        await sampler.StartAsync(CancellationToken.None);
        await Eventually.TrueAsync("a batch is kept", () => outbox.Count > 0);
        clock.Ahead = TimeSpan.FromHours(hours);
        var before = outbox.Count;
        await Eventually.TrueAsync("batches follow", () => outbox.Count > before + 2);
        await sampler.StopAsync(CancellationToken.None);

        var batches = outbox.Waiting()
            .Select(sequence => JsonSerializer.Deserialize(outbox.Read(sequence)!, FleetJson.Default.TelemetryBatch)!).ToList();
        Assert.True((batches[^1].To - batches[0].To).Duration() > TimeSpan.FromMinutes(50), "The clock was not set in between.");
        Assert.All(batches, batch => Assert.InRange(batch.To - batch.From, TimeSpan.Zero, TimeSpan.FromMinutes(1)));
    }

    private sealed class SetClock : TimeProvider
    {
        private long _ahead;

        public TimeSpan Ahead { set => Interlocked.Exchange(ref _ahead, value.Ticks); }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _ahead));
    }
}
