using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Rollouts;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Canary;

/// <summary>Which minutes of a device the canary compares.</summary>
public sealed class CanaryWindowTests
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 4, 12, 0, 0, TimeSpan.Zero);
    private static readonly RolloutPlan Plan = new() { Model = "speech", Version = 3, Waves = [] };

    /// <summary>A rollout of release 2 ended half an hour before this one opened: its minutes are read, not those of release 1.</summary>
    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 2)]
    public void Before_is_the_release_that_the_device_served_last(bool isCandidate, int version)
    {
        var reading = WindowAt(Noon).Read(
            [.. Minutes(-60, 30, version: 1, errors: 40), .. Minutes(-30, 30, version: 2, errors: 1), .. Minutes(5, 5, version, 1)],
            isCandidate);

        // The minute before the wave opened is left out.
        Assert.Equal((29 * 101, 29), (reading!.Before.Requests, reading.Before.Errors));
    }

    [Fact]
    public void Device_that_waits_and_was_moved_to_another_release_meanwhile_is_not_compared_with()
        => Assert.Null(WindowAt(Noon).Read([.. Minutes(-60, 60, version: 1, errors: 1), .. Minutes(5, 5, version: 2, errors: 1)], false));

    [Fact]
    public void Device_that_served_nothing_before_is_not_read()
        => Assert.Null(WindowAt(Noon).Read([.. Minutes(5, 5, version: 3, errors: 1)], true));

    /// <summary>A device that was off comes back after two days: the hour before the wave opened is not kept any more.</summary>
    [Fact]
    public void Device_that_took_the_release_long_after_its_wave_opened_is_read_beside_the_oldest_hour_there_is()
    {
        var now = Noon + TimeSpan.FromHours(48);
        var window = CanaryWindow.Of(Plan, 3, Noon, now) with { From = now - TimeSpan.FromMinutes(10), To = now - TimeSpan.FromMinutes(5) };

        Assert.Equal(now - IFleetStore.MinutesKept, window.Opened - CanaryWindow.Before);
        Assert.NotNull(window.Read(
            [.. Minutes(24 * 60 - 60, 60, version: 2, errors: 1), .. Minutes(48 * 60 - 10, 5, version: 3, errors: 1)], true));
        Assert.Equal(Noon, CanaryWindow.Of(Plan, 3, Noon, Noon + TimeSpan.FromHours(3)).Opened);
    }

    /// <summary>Agents tell errors at once and hold back what is calm: a device read beside the loud alone would look well.</summary>
    [Fact]
    public void Window_waits_until_most_have_told_what_they_did_in_it_and_not_forever()
    {
        var window = WindowAt(Noon);
        IReadOnlyList<Rollup> calm = [.. Minutes(-60, 62, version: 2, errors: 0)];
        IReadOnlyList<Rollup> loud = [.. Minutes(-60, 71, version: 2, errors: 9)];
        IReadOnlyList<Rollup> silent = [];

        Assert.False(window.IsHeard([calm, calm, loud], window.To + TimeSpan.FromMinutes(1)));
        Assert.True(window.IsHeard([calm, loud, loud, silent, silent], window.To + TimeSpan.FromMinutes(1)));
        Assert.True(window.IsHeard([calm, calm, loud], window.To + TimeSpan.FromMinutes(10)));
    }

    private static CanaryWindow WindowAt(DateTimeOffset opened) => new(Plan, 3, opened)
    {
        From = opened + TimeSpan.FromMinutes(5),
        To = opened + TimeSpan.FromMinutes(10),
    };

    /// <summary>Minutes with 100 answers each, counted from noon.</summary>
    private static IEnumerable<Rollup> Minutes(int from, int count, int version, int errors)
        => Enumerable.Range(from, count).Select(minute => new Rollup
        {
            From = Noon + TimeSpan.FromMinutes(minute),
            To = Noon + TimeSpan.FromMinutes(minute + 1),
            Batches = 1,
            Stats = new InferenceStats
            {
                Model = "speech",
                Version = version,
                Variant = "x64-int8",
                Count = 100,
                Errors = errors,
                Latency = new LatencyHistogram { Buckets = [40], Counts = [100] },
            },
        });
}
