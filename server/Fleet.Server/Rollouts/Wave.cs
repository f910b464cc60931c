using Fleet.Contracts.Rollouts;

namespace Fleet.Server.Rollouts;

/// <summary>One wave: a stretch of the frozen order.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Start">First member, from 0.</param>
/// <param name="End">One past its last member.</param>
internal sealed record Wave(int Number, int Start, int End)
{
    /// <summary>When its first device was told.</summary>
    public DateTimeOffset? OpenedAt { get; init; }

    /// <summary>When its last device finished. Soak counts from here.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>Members passed over when it opened, because they had been revoked since the start.</summary>
    public int Skipped { get; init; }

    /// <summary>Failures an operator resumed in spite of.</summary>
    public int Acknowledged { get; init; }

    /// <summary>What the canary said at its last look.</summary>
    public IReadOnlyList<CanaryFinding> Canary { get; init; } = [];

    /// <summary>True when an operator resumed it although the canary had not read enough devices.</summary>
    public bool Uncompared { get; init; }

    /// <summary>Why the next device is not told yet; null when nothing holds it.</summary>
    public string? Held { get; init; }

    /// <summary>When that was written down.</summary>
    public DateTimeOffset? HeldAt { get; init; }

    /// <summary>Why no further device can be told, whatever those on their way do; null when nothing keeps them.</summary>
    public string? Spent { get; init; }

    /// <summary>The same by a clock that was set back: nothing of it lies after now.</summary>
    public Wave NotAfter(DateTimeOffset now) => this with
    {
        OpenedAt = OpenedAt > now ? now : OpenedAt,
        FinishedAt = FinishedAt > now ? now : FinishedAt,
    };

    /// <summary>
    /// The same, saying of what holds it no more often than it is looked at again: the reason names devices and counts, and each that goes
    /// or comes would be a commit.
    /// </summary>
    /// <param name="before">What is stored of it; null where it is written down anyway.</param>
    /// <param name="now">The moment.</param>
    public Wave SayingWhy(Wave? before, DateTimeOffset now)
    {
        if (Held is null) return this with { HeldAt = null };
        if (before?.Held is null) return this with { HeldAt = now };
        var isFresh = now - before.HeldAt is { } age && age >= TimeSpan.Zero && age < UnavailableBudget.LookAgainAfter;
        return before.Held == Held || (isFresh && Spent is null)
            ? this with { Held = before.Held, HeldAt = before.HeldAt }
            : this with { HeldAt = now };
    }

    /// <summary>Devices it has.</summary>
    public int Total => End - Start - Skipped;
}
