using Fleet.Agent.Disk;
using Fleet.Agent.Orders;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Agent.Tests.Orders;

/// <summary>What an order has a device time, by clocks that differ.</summary>
public sealed class OrderedTimingsTests
{
    [Theory]
    [InlineData(-400)]
    [InlineData(29)]
    public void File_is_to_be_timed_for_as_long_as_the_server_waits_whatever_time_the_device_trusts(double daysAhead)
    {
        using var folder = new TemporaryFolder();
        var issuedAt = new DateTimeOffset(2026, 11, 30, 7, 0, 0, TimeSpan.Zero);
        var time = new FakeTimeProvider(issuedAt.AddDays(daysAhead));
        var timings = new OrderedTimings(new DataFolder(folder.Path), time, NullLogger<OrderedTimings>.Instance);
        var artifact = new ArtifactReference("a", new string('a', 64), 1);
        var timing = new OrderedTiming("build", new TimedFile(artifact, artifact, new RuntimeSettings()), issuedAt.AddMinutes(2));
        timings.Set([timing], issuedAt);
        time.Advance(TimeSpan.FromSeconds(119));
        Assert.Equal(timing, timings.Next(out _));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(timings.Next(out _));
        // Said again, as at every connect, with what is left of it.
        timings.Set([timing], issuedAt.AddSeconds(90));
        Assert.Equal(timing, timings.Next(out _));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(timings.Next(out _));
    }
}
