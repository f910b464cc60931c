using System.Globalization;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Canary;

namespace Fleet.Server.Rollouts;

/// <summary>Decides what a rollout does next. Pure: no clock, no store, no broker.</summary>
internal static class RolloutRules
{
    /// <summary>How far a clock may step back, as a time server corrects it, before a person should look.</summary>
    public static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(1);

    /// <summary>Judges the open wave.</summary>
    /// <param name="plan">What the operator asked.</param>
    /// <param name="tally">How the open wave stands.</param>
    /// <param name="clock">The times it is judged by.</param>
    /// <param name="isLast">True when no wave follows.</param>
    /// <param name="canary">What the canary has seen; null without one.</param>
    /// <param name="spent">Why no further device can be told; null when nothing keeps them.</param>
    public static RolloutDecision Decide(
        RolloutPlan plan, WaveTally tally, WaveClock clock, bool isLast, CanaryState? canary = null, string? spent = null)
    {
        // Abort is judged before progress and before everything that could be wrong with clocks or data: one good device must
        // not outvote a failing wave. "Not at most" instead of "above", so that a limit that is not a number stops the rollout.
        var exceeded = !(tally.FailureRate <= plan.MaximumFailureRate);
        if (exceeded && tally.Judged >= plan.MinimumFinished) return RolloutDecision.Abort(FailureSentence(plan, tally));

        // Evidence counts whenever it comes: a wave that runs, soaks or has finished.
        if (canary?.Worse is { } worse) return RolloutDecision.Pause(CanaryRules.Sentence(worse));

        if (spent is not null) return RolloutDecision.Pause(spent);

        if (!tally.IsWhole)
            return RolloutDecision.Pause($"{tally.Told} of {tally.Total} devices were told, but {tally.Running + tally.Finished} device "
                + $"rollouts are stored: the wave cannot be judged.");

        var latest = clock.FinishedAt is { } finished && finished > clock.OpenedAt ? finished : clock.OpenedAt;
        if (clock.Now < latest)
        {
            return latest - clock.Now <= ClockTolerance
                ? RolloutDecision.WaitUntil(latest, "The server's clock went back a little; waiting until it has caught up.")
                : RolloutDecision.Pause(string.Create(CultureInfo.InvariantCulture, $"The server's clock says {clock.Now:u}, which is "
                    + $"before {latest:u}, when this wave was last judged: set the clock, then resume."));
        }

        if (!IsEnough(plan, tally) || clock.FinishedAt is null) return RolloutDecision.Wait;
        if (exceeded)
            return RolloutDecision.Pause($"{FailureSentence(plan, tally)} The wave ended with fewer than the {plan.MinimumFinished} "
                + $"finished devices that judging takes: look at the failures, then resume or abort.");

        var soaked = SoakedAt(plan, clock.FinishedAt.Value, clock.ListeningSince);
        if (tally.Total > 0 && clock.Now < soaked) return RolloutDecision.WaitUntil(soaked);
        if (canary is not null && Missing(plan, tally, canary) is { } missing)
        {
            var patience = soaked + plan.Canary.Window + plan.PhaseDeadline;
            return clock.Now < patience ? RolloutDecision.WaitUntil(patience) : RolloutDecision.Pause(missing);
        }
        return isLast ? RolloutDecision.Succeed : RolloutDecision.NextWave;
    }

    /// <summary>
    /// True when the next wave need not wait for more devices: every one has finished, or as many serve the release as the plan asks for.
    /// </summary>
    public static bool IsEnough(RolloutPlan plan, WaveTally tally) => tally.IsFinished
        || (plan.MinimumSuccessRate is { } share && tally.Told == tally.Total && tally.Succeeded >= share * tally.Total);

    /// <summary>
    /// When the wave has been watched for long enough. Soak time means being watched: a server that was down, or whose clock was
    /// put forward, first listens for a phase deadline, in which every connected device says what it has.
    /// </summary>
    private static DateTimeOffset SoakedAt(RolloutPlan plan, DateTimeOffset finishedAt, DateTimeOffset listeningSince)
    {
        var listened = listeningSince + (plan.SoakTime < plan.PhaseDeadline ? plan.SoakTime : plan.PhaseDeadline);
        var soaked = finishedAt + plan.SoakTime;
        return listened > soaked ? listened : soaked;
    }

    /// <summary>What a plan asks to be compared before it goes on and was not; null when nothing is missing, or nobody is there to
    /// compare with.</summary>
    private static string? Missing(RolloutPlan plan, WaveTally tally, CanaryState canary)
    {
        var needed = Math.Min(plan.Canary.MinimumDevices, tally.Succeeded);
        return canary is { HasIncumbents: true, IsWaived: false } && canary.Read < needed
            ? $"Canary: {canary.Read} of this wave's devices could be compared with those that wait; the plan asks for {needed}. A device "
                + $"needs {plan.Canary.MinimumRequests} requests before the wave and as many since: look at them, then resume or abort."
            : null;
    }

    private static string FailureSentence(RolloutPlan plan, WaveTally tally) => string.Create(CultureInfo.InvariantCulture,
        $"{tally.JudgedFailures} of {tally.Judged} finished devices failed ({tally.FailureRate:0.#%}); at most "
            + $"{plan.MaximumFailureRate:0.#%} may.");
}
