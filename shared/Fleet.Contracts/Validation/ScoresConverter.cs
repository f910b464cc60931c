using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Validation;

/// <summary>
/// Scores on the wire. The figures that protocol 1 had keep its keys, so that its agents read them in manifests; every other one
/// stands in <c>metrics</c> with name, unit and direction. Each figure stands once: no reader can see two that contradict.
/// </summary>
public sealed class ScoresConverter : JsonConverter<Scores>
{
    private static readonly (string Key, Metric Metric)[] Protocol1Numbers =
        [
            ("accuracy", Metric.Accuracy), ("agreement", Metric.Agreement), ("peakMemoryBytes", Metric.PeakMemory),
            ("energyJoules", Metric.Energy),
        ];

    private static readonly string[] Protocol1Names =
        [.. Protocol1Numbers.Select(one => one.Metric.Name), Metric.LatencyP50.Name, Metric.LatencyP95.Name, Metric.LatencyP99.Name];

    /// <inheritdoc/>
    public override Scores Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("Scores are expected here.");
        var (scores, samples) = (new Scores(), 0);
        var others = new List<MetricValue>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (key == "samples") samples = reader.GetInt32();
            else if (key == "latency")
                scores = scores with { Latency = JsonSerializer.Deserialize(ref reader, WireJson.Default.LatencySummary) };
            else if (key == "metrics") others = ReadMetrics(ref reader);
            else if (Array.Find(Protocol1Numbers, one => one.Key == key).Metric is not { } metric) reader.Skip();
            else if (reader.TokenType != JsonTokenType.Null)
                scores = scores.With(metric, metric == Metric.PeakMemory ? reader.GetInt64() : Finite(reader.GetDouble()));
        }
        MetricValue[] all = [.. scores.Metrics, .. others];
        if (all.DistinctBy(value => value.Name).Count() != all.Length) throw new JsonException("A metric stands twice among scores.");
        return new Scores { Samples = samples, Metrics = all };
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Scores value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        WriteNumber(writer, value, "accuracy", Metric.Accuracy);
        WriteNumber(writer, value, "agreement", Metric.Agreement);
        // Three percentiles or none: with one of them missing the others are metrics like any other.
        var latency = value.Latency;
        if (latency is not null)
        {
            writer.WriteStartObject("latency");
            WriteNumber(writer, value, "p50Ms", Metric.LatencyP50);
            WriteNumber(writer, value, "p95Ms", Metric.LatencyP95);
            WriteNumber(writer, value, "p99Ms", Metric.LatencyP99);
            writer.WriteEndObject();
        }
        if (value.PeakMemoryBytes is { } bytes) writer.WriteNumber("peakMemoryBytes", bytes);
        WriteNumber(writer, value, "energyJoules", Metric.Energy);
        writer.WriteNumber("samples", value.Samples);
        var others = value.Metrics.Where(metric => double.IsFinite(metric.Value)
            && (!Protocol1Names.Contains(metric.Name) || (latency is null && IsLatency(metric.Name)))).ToArray();
        if (others.Length > 0)
        {
            writer.WriteStartArray("metrics");
            foreach (var metric in others) JsonSerializer.Serialize(writer, metric, WireJson.Default.MetricValue);
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter writer, Scores scores, string key, Metric metric)
    {
        if (scores[metric] is { } value && double.IsFinite(value)) writer.WriteNumber(key, value);
    }

    private static List<MetricValue> ReadMetrics(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException("A list of metrics is expected here.");
        var metrics = new List<MetricValue>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var metric = JsonSerializer.Deserialize(ref reader, WireJson.Default.MetricValue)
                ?? throw new JsonException("A metric is null.");
            if (metric.Name.Length is 0 or > Limits.NameLength)
                throw new JsonException($"A metric's name has {metric.Name.Length} characters; 1 to {Limits.NameLength} are allowed.");
            if (metric.Unit.Length > Units.Length)
                throw new JsonException(
                    $"The unit of metric {metric.Name} has {metric.Unit.Length} characters; at most {Units.Length} are allowed.");
            if (metrics.Count == Limits.MetricsPerScores)
                throw new JsonException($"Scores hold at most {Limits.MetricsPerScores} metrics.");
            metrics.Add(metric);
        }
        return metrics;
    }

    private static bool IsLatency(string name)
        => name == Metric.LatencyP50.Name || name == Metric.LatencyP95.Name || name == Metric.LatencyP99.Name;

    private static double Finite(double value)
        => double.IsFinite(value) ? value : throw new JsonException("A number is larger than can be kept.");
}
