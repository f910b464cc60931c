using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Inference;

/// <summary>Counts what one variant answered. Adding takes well under a microsecond and allocates nothing; draining is atomic.</summary>
internal sealed class InferenceTally(ServedModel model)
{
    /// <summary>Tenths of the winning probability, 0 to 1.</summary>
    private const int Tenths = 10;

    /// <summary>Columns of predicted values that are tallied; more would be a picture, not numbers that people read.</summary>
    private const int MostValues = 16;

    private readonly Lock _lock = new();
    private readonly long[] _latency = new long[LatencyHistogram.BucketOf(TimeSpan.MaxValue) + 1];
    // A detector names its classes too, but decides on none for a whole sample.
    private readonly long[] _classes = new long[model.Tally() == OutputTally.Classes ? model.Classes.Count : 0];
    private readonly long[] _confidence = new long[model.Tally() == OutputTally.Classes && model.Classes.Count > 0 ? Tenths : 0];
    private readonly ValueTally[] _values = new ValueTally[model.Tally() == OutputTally.Values ? MostValues : 0];
    private ValueTally _boxes, _sizes;
    private int _columns;
    private long _count;
    private long _errors;

    /// <summary>Counts one inference. <paramref name="scores"/> holds a row of class scores for each sample, or nothing.</summary>
    public void Add(TimeSpan latency, ReadOnlySpan<float> scores)
    {
        lock (_lock)
        {
            _count++;
            _latency[LatencyHistogram.BucketOf(latency)]++;
            if (_classes.Length == 0 || scores.Length % _classes.Length != 0) return;
            for (; scores.Length > 0; scores = scores[_classes.Length..])
            {
                var decision = ClassDecision.Of(scores[.._classes.Length]);
                _classes[decision.Class]++;
                _confidence[Math.Clamp((int)(decision.Probability * Tenths), 0, Tenths - 1)]++;
            }
        }
    }

    /// <summary>Counts one inference that predicted numbers, <paramref name="columns"/> of them for each sample.</summary>
    public void AddValues(TimeSpan latency, ReadOnlySpan<float> values, int columns)
    {
        lock (_lock)
        {
            Add(latency, []);
            if (_values.Length == 0 || columns is < 1 or > MostValues || values.Length % columns != 0) return;
            _columns = columns;
            for (var i = 0; i < values.Length; i++) _values[i % columns].Add(values[i]);
        }
    }

    /// <summary>Counts one inference that found boxes, those of each sample.</summary>
    public void AddBoxes(TimeSpan latency, IReadOnlyList<IReadOnlyList<DetectedBox>> samples)
    {
        lock (_lock)
        {
            Add(latency, []);
            foreach (var boxes in samples)
            {
                _boxes.Add(boxes.Count);
                foreach (var box in boxes) _sizes.Add(Math.Sqrt(box.Box.Area));
            }
        }
    }

    /// <summary>Counts one request that was refused or failed.</summary>
    public void AddError()
    {
        lock (_lock) _errors++;
    }

    /// <summary>Everything since the last call; null when there was nothing.</summary>
    public InferenceStats? Drain()
    {
        lock (_lock)
        {
            if (_count == 0 && _errors == 0) return null;
            int[] buckets = [.. Enumerable.Range(0, _latency.Length).Where(bucket => _latency[bucket] > 0)];
            var drained = new InferenceStats
            {
                Model = model.Model,
                Version = model.Version,
                Variant = model.Variant,
                Count = _count,
                Errors = _errors,
                Latency = new LatencyHistogram { Buckets = buckets, Counts = [.. buckets.Select(bucket => _latency[bucket])] },
                Classes = [.. _classes],
                Confidence = [.. _confidence],
                Values = _columns > 0 ? [.. _values.Take(_columns).Select(values => values.Stats())] : null,
                Boxes = _boxes.Stats() is { Count: > 0 } number ? new BoxStats(number, _sizes.Stats()) : null,
            };
            Array.Clear(_values);
            (_boxes, _sizes) = (default, default);
            (_count, _errors) = (0, 0);
            Array.Clear(_latency);
            Array.Clear(_classes);
            Array.Clear(_confidence);
            return drained;
        }
    }
}
