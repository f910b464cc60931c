using Fleet.Server.Storage;
using Fleet.Server.Targets;

namespace Fleet.Server.Rollouts;

/// <summary>The part that tells devices, part by part.</summary>
internal sealed partial class RolloutEngine
{
    /// <summary>Tells those that failed and are asked once more, then those that were never told.</summary>
    /// <returns>True when that changed something; false when the budget holds the rest as it did before.</returns>
    private async Task<bool> TellAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
    {
        using var turn = await opening.TurnAsync(cancellationToken);
        var again = rollout.Retries ? await opening.AgainAsync(rollout, time.GetUtcNow(), cancellationToken) : null;
        _read += again?.Read ?? 0;
        if (again is not null and ({ Changes.Count: > 0 } or { Rollout.Retries: false }))
        {
            await CommitAsync(stored, again, cancellationToken);
            return true;
        }
        var part = rollout.Told < rollout.Open.End
            ? await opening.NextAsync(
                rollout, await store.MembersAsync(rollout, rollout.Told, cancellationToken), await store.TargetsAsync(cancellationToken),
                time.GetUtcNow(), cancellationToken)
            : new WavePart(rollout.WithOpen(rollout.Open with { Held = null }), [], []);
        _read += part.Read;
        var open = part.Rollout.Open with { Held = part.Rollout.Open.Held ?? again?.Rollout.Open.Held };
        var moves = part.Rollout.Told != rollout.Told;
        open = open.SayingWhy(moves ? null : rollout.Open, time.GetUtcNow());
        if (moves || open != rollout.Open)
            await CommitAsync(stored, part with { Rollout = part.Rollout.WithOpen(open) }, cancellationToken);
        return moves;
    }

    private async Task CommitAsync(Stored<Rollout> stored, WavePart part, CancellationToken cancellationToken)
    {
        await store.CommitAsync([stored.Change(part.Rollout), .. part.Changes], cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
    }
}
