using System.Text.Json.Serialization;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Validation;

/// <summary>Agent to validation process, one JSON line.</summary>
/// <param name="ModelPath">The ONNX file.</param>
/// <param name="ValidationSetPath">The npz of inputs by name and <c>labels</c>.</param>
/// <param name="Runtime">What the session is created with, as it will be when it serves.</param>
/// <param name="Outputs">Outputs the release promises; the first holds the class scores.</param>
/// <param name="MaximumMemoryBytes">Past this the process may not allocate; null for no limit.</param>
internal sealed record ValidationRequest(
    string ModelPath,
    string ValidationSetPath,
    RuntimeSettings Runtime,
    IReadOnlyList<TensorDescription> Outputs,
    long? MaximumMemoryBytes);

/// <summary>Validation process to agent, one JSON line.</summary>
/// <param name="Scores">What was measured; null when it failed.</param>
/// <param name="Failure">Why it failed.</param>
/// <param name="Detail">The failure in a sentence.</param>
internal sealed record ValidationReply(Scores? Scores, DeploymentFailure Failure = DeploymentFailure.None, string Detail = "")
{
    /// <summary>Bytes of the line.</summary>
    public const int MaximumBytes = 64 * 1024;
}

/// <summary>Generated serialization of what agent and validation process say to each other.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ValidationRequest))]
[JsonSerializable(typeof(ValidationReply))]
internal sealed partial class ValidationJson : JsonSerializerContext;
