namespace Fleet.Contracts.Builds;

/// <summary>
/// What a student may cost; for <c>width: auto</c> at least one limit. One file must keep both, and no variant is chosen that does not.
/// </summary>
public sealed record StudentBudget
{
    /// <summary>Largest size of its file in bytes; while it is searched, of its 8-bit file.</summary>
    public long? MaximumBytes { get; init; }

    /// <summary>
    /// Largest p95 of one inference on the machine that builds, or on <see cref="Device"/> where that times students: of its 8-bit file
    /// or, where that is faster and small enough, of its float file. <see cref="GateSpec.MaximumLatencyP95"/> holds devices to one.
    /// </summary>
    public TimeSpan? MaximumLatencyP95 { get; init; }

    /// <summary>
    /// An enrolled device that times the finalists of a search in place of this machine, for family <c>auto</c> with
    /// <see cref="MaximumLatencyP95"/> and a single profile, that of the device. Only a worker that is joined to a server can ask it.
    /// A spec that was found keeps it: the time is that device's, and nobody asks it again.
    /// </summary>
    public string? Device { get; init; }
}
