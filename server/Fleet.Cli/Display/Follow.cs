using Fleet.Cli.Client;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Display;

/// <summary>Follows what the server works at until it has ended, telling each step.</summary>
internal static class Follow
{
    /// <summary>Waits until a build has ended, saying how far it is.</summary>
    /// <param name="client">The server.</param>
    /// <param name="time">The clock.</param>
    /// <param name="id">The build.</param>
    /// <param name="step">Where progress is told.</param>
    /// <param name="queueLimit">How long it may wait for a worker; <see cref="Timeout.InfiniteTimeSpan"/> where one may be away for
    /// long.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<BuildView> BuildAsync(
        FleetClient client, TimeProvider time, string id, StepBoard.Step step, TimeSpan queueLimit, CancellationToken cancellationToken)
    {
        var askedAt = time.GetTimestamp();
        var build = await Polling.UntilAsync(time, token => client.GetBuildAsync(id, token), view =>
        {
            if (view is { Status: BuildStatus.Running, Progress: { } progress }) step.Say(progress.Step, progress.Fraction);
            else if (view.Status == BuildStatus.Queued) step.Say("waits for a worker");
            if (view is { Status: BuildStatus.Queued, Attempts: 0 }
                && queueLimit != Timeout.InfiniteTimeSpan && time.GetElapsedTime(askedAt) > queueLimit)
                throw new FleetException($"No worker took build {id} within {DurationText.Of(queueLimit)}.");
            return view.Status is BuildStatus.Succeeded or BuildStatus.Failed or BuildStatus.Cancelled;
        }, problem => step.Say(problem), cancellationToken);
        if (build.Status == BuildStatus.Succeeded) step.Result(build.Status.ToWords());
        else step.Failure(build.Status.ToWords());
        return build;
    }

    /// <summary>Waits until a rollout has ended, saying how far it is.</summary>
    /// <param name="client">The server.</param>
    /// <param name="time">The clock.</param>
    /// <param name="id">The rollout.</param>
    /// <param name="endAtPause">A script must not wait for a person to resume it; a person who watches may be that person.</param>
    /// <param name="step">Where progress is told.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<RolloutView> RolloutAsync(
        FleetClient client, TimeProvider time, string id, bool endAtPause, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var rollout = await Polling.UntilAsync(time, token => client.GetRolloutAsync(id, token), view =>
        {
            step.Say(Progress(view), Fraction(view));
            return view.Status is RolloutStatus.Succeeded or RolloutStatus.Aborted or RolloutStatus.RolledBack
                || (endAtPause && (view.Status is RolloutStatus.Paused or RolloutStatus.AwaitingApproval));
        }, problem => step.Say(problem), cancellationToken);
        var end = $"{rollout.Status.ToWords()}{(rollout.Reason.Length > 0 ? ", " + rollout.Reason : "")}";
        if (rollout.Status == RolloutStatus.Succeeded) step.Result(end);
        else step.Failure(end);
        return rollout;
    }

    /// <summary>Waits until no device of a rollout is on its way back any more, saying how many are.</summary>
    public static async Task<RolloutView> ReturnAsync(
        FleetClient client, TimeProvider time, string id, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var rollout = await Polling.UntilAsync(time, token => client.GetRolloutAsync(id, token), view =>
        {
            step.Say(RolloutTables.ReturnsOf(view.Returns));
            return view is { FinishedAt: not null, Returns: null or { SentBack: 0 } };
        }, problem => step.Say(problem), cancellationToken);
        if (rollout.Returns is { NotReturned: > 0 }) step.Failure(RolloutTables.ReturnsOf(rollout.Returns));
        else step.Result(RolloutTables.ReturnsOf(rollout.Returns));
        return rollout;
    }

    /// <summary>Where it stands, in one line.</summary>
    private static string Progress(RolloutView rollout)
    {
        var running = rollout.Waves.Sum(wave => wave.Running);
        // A fleet is counted; a handful of devices is named with what each of them does, where all of them are among the first.
        var named = rollout.Devices.Where(device => device.Status == DeviceRolloutStatus.Running).ToList();
        var doing = running switch
        {
            0 => "finished, watched for its soak time",
            <= 3 when named.Count == running => string.Join(", ", named.Select(device => $"{device.Device} {device.Phase.ToWords()}")),
            _ => $"{Figures.Count(running)} running",
        };
        var paused = rollout.Status == RolloutStatus.Paused ? $"paused ({rollout.Reason}); " : "";
        return $"{paused}wave {rollout.OpenWave} of {rollout.Waves.Count}: {doing}";
    }

    /// <summary>Share of devices that have finished.</summary>
    private static double Fraction(RolloutView rollout)
        => (double)rollout.Waves.Sum(wave => wave.Succeeded + wave.Failed) / Math.Max(1, rollout.Waves.Sum(wave => wave.Total));
}
