using System.Text.Json.Serialization;
using Fleet.Agent.Deployment;
using Fleet.Agent.Enrollment;

namespace Fleet.Agent;

/// <summary>Generated serialization of what the agent keeps on its own disk.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(Identity))]
[JsonSerializable(typeof(ModelJournal))]
internal sealed partial class AgentJson : JsonSerializerContext;
