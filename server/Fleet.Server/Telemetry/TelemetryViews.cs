using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Validation;
using Fleet.Server.Storage;

namespace Fleet.Server.Telemetry;

/// <summary>Rollups merged into what people look at. Pure. Percentiles come from merged histograms, never from averages.</summary>
internal static class TelemetryViews
{
    /// <summary>Points of a series: as many as a chart shows.</summary>
    public const int Points = 60;

    /// <summary>Times up to this are read in minutes, longer ones in hours.</summary>
    private static readonly TimeSpan LongestInMinutes = TimeSpan.FromHours(6);

    /// <summary>The rollups to read for a time that begins at <paramref name="since"/>.</summary>
    public static RollupPeriod PeriodFor(DateTimeOffset since, DateTimeOffset now)
        => now - since <= LongestInMinutes && now - since <= IFleetStore.MinutesKept ? RollupPeriod.Minute : RollupPeriod.Hour;

    /// <summary>One view for each model a device served, by model name.</summary>
    /// <param name="device">The device; null for all together.</param>
    /// <param name="rollups">What it did, in order of time.</param>
    /// <param name="since">Start of the time asked for.</param>
    /// <param name="now">End of it.</param>
    public static IEnumerable<TelemetryView> Of(
        DeviceId? device, IReadOnlyList<Rollup> rollups, DateTimeOffset since, DateTimeOffset now)
        => rollups.GroupBy(rollup => rollup.Stats.Model).OrderBy(each => each.Key, StringComparer.Ordinal)
            .Select(each => ViewOf(device, [.. each], since, now));

    private static TelemetryView ViewOf(DeviceId? device, IReadOnlyList<Rollup> rollups, DateTimeOffset since, DateTimeOffset now)
    {
        var all = Merge(rollups);
        return new TelemetryView
        {
            Device = device,
            Model = all.Stats.Model,
            Version = all.Stats.Version,
            Variant = all.Stats.Variant,
            Batches = (int)Math.Min(all.Batches, int.MaxValue),
            Count = all.Stats.Count,
            Errors = all.Stats.Errors,
            Latency = all.Stats.Latency.Total() > 0
                ? new LatencySummary(Percentile(all, 0.50), Percentile(all, 0.95), Percentile(all, 0.99))
                : null,
            Classes = all.Stats.Classes,
            Confidence = all.Stats.Confidence,
            Values = all.Stats.Values,
            Boxes = all.Stats.Boxes,
            Resources = all.Resources,
            To = all.To,
            Series = SeriesOf(rollups, since, now),
        };
    }

    private static List<TelemetryPoint> SeriesOf(IReadOnlyList<Rollup> rollups, DateTimeOffset since, DateTimeOffset now)
    {
        // From the first rollup on: of a device enrolled an hour ago a week would show one point.
        var start = rollups[0].From > since ? rollups[0].From : since;
        var width = TimeSpan.FromTicks(Math.Max((now - start).Ticks / Points + 1, TimeSpan.TicksPerMinute));
        var intervals = rollups.GroupBy(rollup => Math.Max((rollup.From - start).Ticks, 0) / width.Ticks);
        return [.. intervals.OrderBy(interval => interval.Key).Select(interval =>
        {
            var merged = Merge([.. interval]);
            return new TelemetryPoint(start + width * interval.Key, merged.Stats.Count, merged.Stats.Errors, Percentile(merged, 0.95));
        })];
    }

    private static TimeSpan Percentile(Rollup rollup, double quantile) => rollup.Stats.Latency.Percentile(quantile);

    private static Rollup Merge(IReadOnlyList<Rollup> rollups)
    {
        var sum = new RollupBuilder(rollups[0].From);
        foreach (var rollup in rollups) sum.Add(rollup);
        return sum.ToRollup();
    }
}
