namespace Fleet.Server.Rollouts;

/// <summary>How the open wave stands: counts of its device rollouts, taken at one moment.</summary>
/// <param name="Total">Devices the wave has.</param>
/// <param name="Told">Devices that were told so far, as the rollout's document says.</param>
/// <param name="Running">Told and not finished.</param>
/// <param name="Succeeded">Serve the release.</param>
/// <param name="Failed">Failed, or were silent past their deadline.</param>
/// <param name="Acknowledged">Failures an operator has seen and resumed in spite of: they are judged no more.</param>
internal sealed record WaveTally(int Total, int Told, int Running, int Succeeded, int Failed, int Acknowledged = 0)
{
    /// <summary>Devices that came to an end, good or bad.</summary>
    public int Finished => Succeeded + Failed;

    /// <summary>True when every device of the wave was told and came to an end; at once for an empty wave.</summary>
    public bool IsFinished => Told == Total && Finished == Total;

    /// <summary>False when device rollouts that should be stored were not found: nothing may be concluded then.</summary>
    public bool IsWhole => Running + Finished == Told && Told <= Total;

    /// <summary>Finished devices that are judged.</summary>
    public int Judged => Math.Max(0, Finished - Acknowledged);

    /// <summary>Failures that are judged.</summary>
    public int JudgedFailures => Math.Max(0, Failed - Acknowledged);

    /// <summary>Share of failed among finished devices, 0 to 1; 0 before any finished.</summary>
    public double FailureRate => Judged == 0 ? 0 : (double)JudgedFailures / Judged;
}

/// <summary>The times a wave is judged by, all of the server's clock.</summary>
/// <param name="Now">The moment of judgement.</param>
/// <param name="OpenedAt">When the wave opened.</param>
/// <param name="FinishedAt">When its last device finished; null before. Soak counts from here.</param>
/// <param name="ListeningSince">Since when reports could have been heard: the start of the server, or the moment its clock was
/// changed.</param>
internal sealed record WaveClock(DateTimeOffset Now, DateTimeOffset OpenedAt, DateTimeOffset? FinishedAt, DateTimeOffset ListeningSince);
