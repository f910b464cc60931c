using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>
/// When an order counts as given: by the clock, and after every order before it. Of orders the later counts, so that one of a clock that
/// was ahead once would otherwise stand above all that come until that time.
/// </summary>
internal sealed class OrderTimes(IFleetStore store, IEnumerable<ITargetMove> moves, TimeProvider time)
{
    /// <summary>As fine as the ids of rollouts, which sort by it.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1);

    /// <summary>When what is ordered now counts as ordered.</summary>
    public async Task<DateTimeOffset> NextAsync(CancellationToken cancellationToken)
    {
        var next = time.GetUtcNow();
        foreach (var target in await store.TargetsAsync(cancellationToken))
            if (target.Release is { DecidedAt: var decided } && decided + Step > next) next = decided + Step;
        // Of a target that is gone devices may still have the word.
        foreach (var move in moves)
            if (await move.LatestAsync(cancellationToken) is { } latest && latest + Step > next) next = latest + Step;
        return next;
    }
}
