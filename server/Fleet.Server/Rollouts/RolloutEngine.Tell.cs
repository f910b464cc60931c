using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>The part that tells devices, part by part.</summary>
internal sealed partial class RolloutEngine
{
    private async Task TellAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
        => await CommitAsync(
            stored, await opening.NextAsync(
                rollout, await MembersAsync(
                    rollout, rollout.Told, cancellationToken), time.GetUtcNow(), cancellationToken), cancellationToken);

    private async Task ReverseAsync(Stored<Rollout> stored, Rollout rollout, CancellationToken cancellationToken)
    {
        var part = await reversal.NextAsync(rollout, await MembersAsync(rollout, rollout.Reversed, cancellationToken), cancellationToken);
        if (part.Rollout.IsOpen)
        {
            await CommitAsync(stored, part, cancellationToken);
            return;
        }
        part = part with { Rollout = part.Rollout with { FinishedAt = time.GetUtcNow() } };
        await CommitAsync(
            stored, part with { Changes = [.. part.Changes, .. await ClosingAsync(rollout, cancellationToken)] }, cancellationToken);
        LogEnded(rollout.Id, EndOf(part.Rollout));
    }

    private async Task CommitAsync(Stored<Rollout> stored, WavePart part, CancellationToken cancellationToken)
    {
        await store.CommitAsync([stored.Change(part.Rollout), .. part.Changes], cancellationToken);
        foreach (var device in part.Told) notices.Notify(device);
    }

    private async Task<RolloutMembers> MembersAsync(Rollout rollout, int position, CancellationToken cancellationToken)
    {
        var id = RolloutMembers.IdOf(rollout.Id, position / RolloutMembers.Size);
        return (await store.FindAsync<RolloutMembers>(id, cancellationToken))?.Document
            ?? throw new InvalidOperationException($"Members '{id}' are not stored.");
    }

    private async Task<IReadOnlyList<StoreChange>> ClosingAsync(Rollout rollout, CancellationToken cancellationToken)
        => await store.FindAsync<OpenRollout>(rollout.Plan.Model, cancellationToken) is { } open && open.Document.Rollout == rollout.Id
            ? [open.Removal()]
            : [];
}
