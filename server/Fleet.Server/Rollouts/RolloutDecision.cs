namespace Fleet.Server.Rollouts;

/// <summary>What a rollout does next.</summary>
internal enum RolloutStep
{
    /// <summary>Nothing, until a report arrives or <see cref="RolloutDecision.At"/> is reached.</summary>
    Wait,
    /// <summary>The next wave opens.</summary>
    NextWave,
    /// <summary>No further device is told until a person has looked.</summary>
    Pause,
    /// <summary>It stops for good.</summary>
    Abort,
    /// <summary>Every wave finished and was watched.</summary>
    Succeed,
}

/// <summary>A step, the sentence that justifies it, and when to judge again at the latest.</summary>
/// <param name="Step">The step.</param>
/// <param name="Reason">Why, with the numbers; empty for steps that need no explanation.</param>
/// <param name="At">When waiting may end without any report; null when only a report ends it.</param>
internal sealed record RolloutDecision(RolloutStep Step, string Reason = "", DateTimeOffset? At = null)
{
    public static readonly RolloutDecision Wait = new(RolloutStep.Wait);
    public static readonly RolloutDecision NextWave = new(RolloutStep.NextWave);
    public static readonly RolloutDecision Succeed = new(RolloutStep.Succeed);

    public static RolloutDecision WaitUntil(DateTimeOffset at, string reason = "") => new(RolloutStep.Wait, reason, at);
    public static RolloutDecision Pause(string reason) => new(RolloutStep.Pause, reason);
    public static RolloutDecision Abort(string reason) => new(RolloutStep.Abort, reason);
}
