namespace Fleet.Contracts.Trust;

/// <summary>
/// The time of day, by the device's own clock and time zone, in which it may switch to a release that it has fetched and measured before.
/// </summary>
/// <param name="From">When it opens.</param>
/// <param name="To">When it closes; before <paramref name="From"/> where it spans midnight.</param>
public sealed record ActivationWindow(TimeOnly From, TimeOnly To)
{
    /// <summary>How long it is until the window is open; zero while it is.</summary>
    public TimeSpan OpensIn(TimeOnly now) => now.IsBetween(From, To) ? TimeSpan.Zero : From - now;

    /// <summary>As a command line spells it.</summary>
    public override string ToString() => FormattableString.Invariant($"{From:HH:mm}-{To:HH:mm}");
}
