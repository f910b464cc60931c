using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;

namespace Fleet.Quantization.Variants;

/// <summary>
/// One clock for all variants. Each is timed in turns with the float model, so that the ratio of the two holds whatever else the
/// machine does; but a machine that is busy now and idle a minute later gives two variants times that cannot stand side by side.
/// The ratio is that of processor times, which a neighbour does not lengthen, and every latency, as <see cref="LatencyRun"/> takes it, is
/// told as that of the quietest pair: the float model's there, over the ratio. What is drawn, what is written and what is chosen by are
/// then the same figure.
/// </summary>
internal sealed class PairedClock
{
    private readonly Dictionary<string, TimedPair> _pairs = [];

    /// <summary>The float model's time, where it was quietest; null when nothing was timed.</summary>
    public LatencySummary? Float { get; private set; }

    /// <summary>Takes a variant's time and the float model's beside it.</summary>
    public void Add(string id, TimedPair pair)
    {
        _pairs[id] = pair;
        AddFloat(pair.Float);
    }

    /// <summary>Takes a time of the float model alone.</summary>
    public void AddFloat(LatencySummary latency)
    {
        if (Float is null || latency.P50 < Float.P50) Float = latency;
    }

    /// <summary>A variant's time; null when it was not timed.</summary>
    public LatencySummary? Of(string id)
    {
        if (!_pairs.TryGetValue(id, out var pair)) return null;
        var scale = Float!.P50 / pair.Speed.Value / pair.Variant.P50;
        return new LatencySummary(pair.Variant.P50 * scale, pair.Variant.P95 * scale, pair.Variant.P99 * scale);
    }

    /// <summary>How many times as fast as the float model a variant is; null when it was not timed.</summary>
    public RelativeSpeed? SpeedOf(string id) => _pairs.TryGetValue(id, out var pair) ? pair.Speed : null;
}
