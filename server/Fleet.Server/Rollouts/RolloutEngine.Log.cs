using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Rollouts;

/// <summary>What the engine writes into the log.</summary>
internal sealed partial class RolloutEngine
{
    private void LogStep(Rollout before, Rollout after)
    {
        if (after.OpenWave != before.OpenWave) LogNextWave(after.Id, after.OpenWave, after.Open.Total);
        else if (after.Status == RolloutStatus.Paused) LogPaused(after.Id, after.Reason);
        else if (after.Status == RolloutStatus.Aborted) LogAborted(after.Id, after.Reason);
        else if (after.Status != before.Status) LogEnded(after.Id, EndOf(after));
    }

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} opens wave {Wave} with {Devices} devices")]
    private partial void LogNextWave(string rollout, int wave, int devices);

    [LoggerMessage(LogLevel.Warning, "Rollout {Rollout}: {Devices} devices did not move or finish in time and count as failed")]
    private partial void LogLate(string rollout, int devices);

    [LoggerMessage(LogLevel.Error, "Rollout {Rollout} paused: {Reason}")]
    private partial void LogPaused(string rollout, string reason);

    [LoggerMessage(LogLevel.Error, "Rollout {Rollout} aborted: {Reason}")]
    private partial void LogAborted(string rollout, string reason);

    [LoggerMessage(LogLevel.Information, "Rollout {Rollout} has ended: {End}")]
    private partial void LogEnded(string rollout, string end);

    [LoggerMessage(LogLevel.Error, "The rollout engine could not look at its rollouts; it tries again in {Delay}")]
    private partial void LogTurnFailed(TimeSpan delay, Exception exception);

    [LoggerMessage(LogLevel.Error, "Rollout {Rollout} could not be carried forward; it is tried again in {Delay}")]
    private partial void LogTroubled(string rollout, TimeSpan delay, Exception exception);
}
