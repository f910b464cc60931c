using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Cli.Terminal;

/// <summary>States as people read them, each with its tone.</summary>
internal static class Words
{
    public static Cell Phase(DeploymentPhase phase) => new(phase.ToWords(), phase switch
    {
        DeploymentPhase.Active => Tone.Good,
        DeploymentPhase.RolledBack => Tone.Bad,
        DeploymentPhase.Idle => Tone.Dim,
        _ => Tone.Busy,
    });

    public static Cell Status(BuildStatus status) => new(status.ToWords(), status switch
    {
        BuildStatus.Succeeded => Tone.Good,
        BuildStatus.Failed => Tone.Bad,
        BuildStatus.Running => Tone.Busy,
        _ => Tone.Dim,
    });

    public static Cell Status(RolloutStatus status) => new(status.ToWords(), status switch
    {
        RolloutStatus.Succeeded => Tone.Good,
        RolloutStatus.Aborted or RolloutStatus.RolledBack => Tone.Bad,
        _ => Tone.Busy,
    });

    public static Cell Status(DeviceRolloutStatus status) => new(status.ToWords(), status switch
    {
        DeviceRolloutStatus.Succeeded => Tone.Good,
        DeviceRolloutStatus.Failed => Tone.Bad,
        DeviceRolloutStatus.Running => Tone.Busy,
        _ => Tone.Dim,
    });

    public static Cell Status(DeviceReturnStatus status) => new(status.ToWords(), status switch
    {
        DeviceReturnStatus.Returned => Tone.Good,
        DeviceReturnStatus.NotReturned => Tone.Bad,
        DeviceReturnStatus.SentBack => Tone.Busy,
        _ => Tone.Dim,
    });
}
