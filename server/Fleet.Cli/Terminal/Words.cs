using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Cli.Terminal;

/// <summary>States as words, the same as on the wire, each with its tone.</summary>
internal static class Words
{
    public static Cell Phase(DeploymentPhase phase) => new(Of(phase), phase switch
    {
        DeploymentPhase.Active => Tone.Good,
        DeploymentPhase.RolledBack => Tone.Bad,
        DeploymentPhase.Idle => Tone.Dim,
        _ => Tone.Busy,
    });

    public static Cell Status(BuildStatus status) => new(Of(status), status switch
    {
        BuildStatus.Succeeded => Tone.Good,
        BuildStatus.Failed => Tone.Bad,
        BuildStatus.Running => Tone.Busy,
        _ => Tone.Dim,
    });

    public static Cell Status(RolloutStatus status) => new(Of(status), status switch
    {
        RolloutStatus.Succeeded => Tone.Good,
        RolloutStatus.Aborted or RolloutStatus.RolledBack => Tone.Bad,
        _ => Tone.Busy,
    });

    public static Cell Status(DeviceRolloutStatus status) => new(Of(status), status switch
    {
        DeviceRolloutStatus.Succeeded => Tone.Good,
        DeviceRolloutStatus.Failed => Tone.Bad,
        DeviceRolloutStatus.Running => Tone.Busy,
        _ => Tone.Dim,
    });

    /// <summary>The word of an enum value on the wire.</summary>
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());
}
