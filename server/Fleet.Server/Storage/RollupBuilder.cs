using Fleet.Contracts.Telemetry;

namespace Fleet.Server.Storage;

/// <summary>Merges batches and rollups of one model into a rollup.</summary>
/// <param name="from">Start of its period.</param>
internal sealed class RollupBuilder(DateTimeOffset from)
{
    private readonly List<int> _buckets = [];
    private readonly List<long> _counts = [];
    private readonly List<long> _classes = [];
    private readonly List<long> _confidence = [];
    private IReadOnlyList<ValueStats>? _values;
    private BoxStats? _boxes;
    private InferenceStats? _newest;
    private ResourceStats? _resources;
    private DateTimeOffset _to;
    private long _batches;
    private long _count;
    private long _errors;

    /// <summary>Start of the period.</summary>
    public DateTimeOffset From => from;

    /// <summary>Numbers it keeps in memory.</summary>
    public int Numbers => _classes.Count + _confidence.Count + 2 * _buckets.Count;

    /// <summary>Start of the period that a moment belongs to.</summary>
    public static DateTimeOffset StartOf(RollupPeriod period, DateTimeOffset moment)
        => new(moment.UtcTicks - moment.UtcTicks % (period == RollupPeriod.Minute ? TimeSpan.TicksPerMinute : TimeSpan.TicksPerHour),
            TimeSpan.Zero);

    /// <summary>Adds one model's part of a batch.</summary>
    public void Add(InferenceStats stats, DateTimeOffset to, ResourceStats? resources, long batches = 1)
    {
        _batches = CountSum.Of(_batches, batches);
        _count = CountSum.Of(_count, stats.Count);
        _errors = CountSum.Of(_errors, stats.Errors);
        Add(_classes, stats.Classes);
        Add(_confidence, stats.Confidence);
        Add(stats.Latency);
        _values = ValueStats.Merge(_values, stats.Values);
        if (stats.Boxes is { } boxes) _boxes = _boxes?.Merge(boxes) ?? boxes;
        if (_newest is not null && to < _to) return;
        (_newest, _to) = (stats, to);
        _resources = resources ?? _resources;
    }

    /// <summary>Adds a rollup.</summary>
    public void Add(Rollup rollup) => Add(rollup.Stats, rollup.To, rollup.Resources, rollup.Batches);

    /// <summary>All of it.</summary>
    public Rollup ToRollup() => new()
    {
        From = from,
        To = _to,
        Batches = _batches,
        Resources = _resources,
        Stats = _newest! with
        {
            Count = _count,
            Errors = _errors,
            Classes = [.. _classes],
            Confidence = [.. _confidence],
            Values = _values,
            Boxes = _boxes,
            Latency = new LatencyHistogram { Buckets = [.. _buckets], Counts = [.. _counts] },
        },
    };

    private static void Add(List<long> sum, IReadOnlyList<long> counts)
    {
        for (var i = 0; i < counts.Count; i++)
        {
            if (i == sum.Count) sum.Add(0);
            sum[i] = CountSum.Of(sum[i], counts[i]);
        }
    }

    private void Add(LatencyHistogram histogram)
    {
        for (var i = 0; i < histogram.Buckets.Count; i++)
        {
            var place = _buckets.BinarySearch(histogram.Buckets[i]);
            if (place >= 0)
            {
                _counts[place] = CountSum.Of(_counts[place], histogram.Counts[i]);
                continue;
            }
            _buckets.Insert(~place, histogram.Buckets[i]);
            _counts.Insert(~place, CountSum.Of(0, histogram.Counts[i]));
        }
    }
}
