using System.Text.Json.Serialization;

namespace Fleet.Agent.Deployment;

/// <summary>Generated serialization of the journal files.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(ModelJournal))]
[JsonSerializable(typeof(IReadOnlyList<ModelJournal>))]
internal sealed partial class JournalJson : JsonSerializerContext;
