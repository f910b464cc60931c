using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Validation;

/// <summary>
/// A gate on the wire. The three limits that protocol 1 had keep its keys, so that its agents judge by them; every other one
/// stands in <c>thresholds</c>. Each limit stands once: a signed gate cannot contradict itself.
/// </summary>
public sealed class ValidationGateConverter : JsonConverter<ValidationGate>
{
    /// <inheritdoc/>
    public override ValidationGate Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("A gate is expected here.");
        var gate = new ValidationGate();
        var others = new List<Threshold>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = reader.GetString()!;
            reader.Read();
            gate = key switch
            {
                "minimumAccuracy" => gate with { MinimumAccuracy = Number(ref reader) },
                "maximumLatencyP95" => gate with { MaximumLatencyP95 = reader.TokenType == JsonTokenType.Null ? null : Span(ref reader) },
                "maximumMemoryBytes" => gate with
                {
                    MaximumMemoryBytes = reader.TokenType == JsonTokenType.Null ? null : reader.GetInt64(),
                },
                "deadline" => gate with { Deadline = Span(ref reader) },
                _ => gate,
            };
            if (key == "thresholds") others = ReadThresholds(ref reader);
            else reader.Skip();
        }
        Threshold[] all = [.. gate.Thresholds, .. others];
        if (all.DistinctBy(threshold => threshold.Metric).Count() != all.Length)
            throw new JsonException("A metric stands twice in a gate.");
        return gate with { Thresholds = all };
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ValidationGate value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        if (value.MinimumAccuracy is { } accuracy) writer.WriteNumber("minimumAccuracy", accuracy);
        if (value.MaximumLatencyP95 is { } latency)
        {
            writer.WritePropertyName("maximumLatencyP95");
            JsonSerializer.Serialize(writer, latency, WireJson.Default.TimeSpan);
        }
        if (value.MaximumMemoryBytes is { } memory) writer.WriteNumber("maximumMemoryBytes", memory);
        writer.WritePropertyName("deadline");
        JsonSerializer.Serialize(writer, value.Deadline, WireJson.Default.TimeSpan);
        if (value.Thresholds.Where(threshold => !IsOfProtocol1(threshold)).ToArray() is { Length: > 0 } others)
        {
            writer.WriteStartArray("thresholds");
            foreach (var threshold in others) JsonSerializer.Serialize(writer, threshold, WireJson.Default.Threshold);
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    /// <summary>True when an agent of protocol 1 judges by this threshold.</summary>
    public static bool IsOfProtocol1(Threshold threshold) => threshold switch
    {
        { Minimum: not null, Maximum: null } => threshold.Metric == Metric.Accuracy.Name,
        { Minimum: null, Maximum: not null } => threshold.Metric == Metric.LatencyP95.Name || threshold.Metric == Metric.PeakMemory.Name,
        _ => false,
    };

    private static List<Threshold> ReadThresholds(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw new JsonException("A list of thresholds is expected here.");
        var thresholds = new List<Threshold>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var threshold = JsonSerializer.Deserialize(ref reader, WireJson.Default.Threshold)
                ?? throw new JsonException("A threshold is null.");
            if (ThresholdRules.ProblemOf(threshold) is { } problem) throw new JsonException(problem);
            if (thresholds.Count == Limits.MetricsPerScores)
                throw new JsonException($"A gate holds at most {Limits.MetricsPerScores} thresholds.");
            thresholds.Add(threshold);
        }
        return thresholds;
    }

    private static double? Number(ref Utf8JsonReader reader) => reader.TokenType == JsonTokenType.Null ? null
        : reader.GetDouble() is var value && double.IsFinite(value)
            ? value
            : throw new JsonException("A number is larger than can be kept.");

    private static TimeSpan Span(ref Utf8JsonReader reader) => JsonSerializer.Deserialize(ref reader, WireJson.Default.TimeSpan);
}
