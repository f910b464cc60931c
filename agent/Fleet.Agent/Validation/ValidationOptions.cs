namespace Fleet.Agent.Validation;

/// <summary>How the agent watches over a validation.</summary>
internal sealed record ValidationOptions
{
    /// <summary>How often the child's peak memory is read. The kernel keeps the peak, so a short one is seen late but not missed.</summary>
    public TimeSpan MemoryInterval { get; init; } = TimeSpan.FromMilliseconds(20);
}
