using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Inference;

/// <summary>Counts what one variant answered. Adding takes well under a microsecond and allocates nothing; draining is atomic.</summary>
internal sealed class InferenceTally(ServedModel model)
{
    /// <summary>Tenths of the winning probability, 0 to 1.</summary>
    private const int Tenths = 10;

    private readonly Lock _lock = new();
    private readonly long[] _latency = new long[LatencyHistogram.BucketOf(TimeSpan.MaxValue) + 1];
    private readonly long[] _classes = new long[model.Classes.Count];
    private readonly long[] _confidence = new long[model.Classes.Count > 0 ? Tenths : 0];
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
            };
            (_count, _errors) = (0, 0);
            Array.Clear(_latency);
            Array.Clear(_classes);
            Array.Clear(_confidence);
            return drained;
        }
    }
}
