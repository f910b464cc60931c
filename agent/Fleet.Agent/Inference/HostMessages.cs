using System.Text.Json.Serialization;
using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Inference;

/// <summary>Agent to inference host, one JSON line: exactly one of its verbs is set.</summary>
/// <param name="Id">Grows by one; the reply repeats it.</param>
/// <param name="Load">Load these variants beside what serves, warm them up, then swap them in together; none where one is refused.</param>
/// <param name="Retire">Take this model out of service.</param>
/// <param name="Because">Why that model does not serve, for applications that ask for it.</param>
/// <param name="Drain">Hand over the statistics since the last drain.</param>
internal sealed record HostCommand(
    long Id, IReadOnlyList<ServedModel>? Load = null, string? Retire = null, string? Because = null, bool Drain = false);

/// <summary>Inference host to agent, one JSON line.</summary>
/// <param name="Id">The command this answers; 0 says that the host listens, or why it cannot.</param>
/// <param name="Error">Why it failed, in a sentence.</param>
/// <param name="Address">Where applications reach the host; in the line with id 0.</param>
/// <param name="Statistics">What a drain found.</param>
/// <param name="Refused">The model that a load failed for.</param>
internal sealed record HostReply(
    long Id, string? Error = null, string? Address = null, IReadOnlyList<InferenceStats>? Statistics = null, string? Refused = null)
{
    /// <summary>Bytes of one line in either direction: statistics of sixteen models fit many times over.</summary>
    public const int MaximumBytes = 1024 * 1024;
}

/// <summary>Generated serialization of what agent and inference host say to each other.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(HostCommand))]
[JsonSerializable(typeof(HostReply))]
[JsonSerializable(typeof(HostEndpoints))]
internal sealed partial class HostJson : JsonSerializerContext;

/// <summary>The file that tells applications on the device where to call.</summary>
/// <param name="Inference">Address on loopback.</param>
/// <param name="Socket">Unix socket, where one was asked for.</param>
internal sealed record HostEndpoints(string Inference, string? Socket);
