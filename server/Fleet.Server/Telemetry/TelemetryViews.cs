using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Validation;

namespace Fleet.Server.Telemetry;

/// <summary>Batches merged into what people look at. Pure. Percentiles come from merged histograms, never from averages.</summary>
internal static class TelemetryViews
{
    /// <summary>Points of a series: as many as a chart can show.</summary>
    public const int Points = 60;

    /// <summary>One view for each model a device served, by model name.</summary>
    /// <param name="device">The device.</param>
    /// <param name="batches">Its batches, in the order they came.</param>
    /// <param name="model">The model asked for; null for all.</param>
    /// <param name="since">Start of the time asked for.</param>
    /// <param name="now">End of it.</param>
    public static IEnumerable<TelemetryView> Of(
        DeviceId device, IReadOnlyList<TelemetryBatch> batches, string? model, DateTimeOffset since, DateTimeOffset now)
        => batches.SelectMany(batch => batch.Models).Select(stats => stats.Model).Distinct().Where(
            name => model is null || name == model).Order(StringComparer.Ordinal)
            .Select(name => Of(device, name, batches, since, now));

    private static TelemetryView Of(
        DeviceId device, string model, IReadOnlyList<TelemetryBatch> batches, DateTimeOffset since, DateTimeOffset now)
    {
        var served = batches.SelectMany(
            batch => batch.Models.Where(stats => stats.Model == model).Select(stats => (Batch: batch, Stats: stats))).ToList();
        var all = served.Select(each => each.Stats).ToList();
        var newest = served.MaxBy(each => each.Batch.To);
        var latency = Merge(all);
        return new TelemetryView
        {
            Device = device,
            Model = model,
            Version = newest.Stats.Version,
            Variant = newest.Stats.Variant,
            Batches = served.Count,
            Count = all.Sum(stats => stats.Count),
            Errors = all.Sum(stats => stats.Errors),
            Latency = latency.Total() > 0
                ? new LatencySummary(latency.Percentile(0.50), latency.Percentile(0.95), latency.Percentile(0.99))
                : null,
            Classes = Sum(all.Select(stats => stats.Classes)),
            Confidence = Sum(all.Select(stats => stats.Confidence)),
            Values = all.Select(stats => stats.Values).Aggregate(ValueStats.Merge),
            Boxes = all.Select(stats => stats.Boxes).OfType<BoxStats>()
                .Aggregate((BoxStats?)null, (sum, boxes) => sum?.Merge(boxes) ?? boxes),
            Resources = batches.Where(batch => batch.Resources is not null).MaxBy(batch => batch.To)?.Resources,
            To = newest.Batch.To,
            Series = SeriesOf(served, since, now),
        };
    }

    private static List<TelemetryPoint> SeriesOf(
        List<(TelemetryBatch Batch, InferenceStats Stats)> served, DateTimeOffset since, DateTimeOffset now)
    {
        // From the first batch on: of a device enrolled an hour ago a week would show one point.
        var first = served.Min(each => each.Batch.To);
        var start = first > since ? first : since;
        var width = TimeSpan.FromTicks(Math.Max((now - start).Ticks / Points + 1, TimeSpan.TicksPerSecond));
        return [.. served.GroupBy(each => (each.Batch.To - start).Ticks / width.Ticks).OrderBy(interval => interval.Key)
            .Select(interval => new TelemetryPoint(
            start + width * interval.Key,
            interval.Sum(each => each.Stats.Count),
            interval.Sum(each => each.Stats.Errors),
            Merge(interval.Select(each => each.Stats)).Percentile(0.95)))];
    }

    private static LatencyHistogram Merge(
        IEnumerable<InferenceStats> all) => all.Aggregate(new LatencyHistogram(), (sum, stats) => sum.Merge(stats.Latency));

    private static long[] Sum(IEnumerable<IReadOnlyList<long>> lists)
    {
        var sum = Array.Empty<long>();
        foreach (var list in lists)
        {
            if (list.Count > sum.Length) Array.Resize(ref sum, list.Count);
            for (var i = 0; i < list.Count; i++) sum[i] += list[i];
        }
        return sum;
    }
}
