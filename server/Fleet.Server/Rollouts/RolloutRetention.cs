using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Keys;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// Forgets, of rollouts that ended long enough ago, what they kept of each device that has been ordered something newer since: ten thousand
/// devices and a rollout a week would make half a million such documents a year, all of them in memory. A rollout keeps how many they were,
/// and what the rest of them needs.
/// </summary>
internal sealed partial class RolloutRetention(
    IFleetStore store, SigningClock clock, FleetOptions options, TimeProvider time, ILogger<RolloutRetention> logger)
        : DailyRetention(clock, time, logger)
{
    /// <inheritdoc/>
    protected override async Task ForgetAsync(CancellationToken cancellationToken)
    {
        var before = Time.GetUtcNow() - options.RolloutRetention;
        var ended = await store.AllAsync<Rollout>("", cancellationToken)
            .Where(rollout => !rollout.Document.IsOpen && (rollout.Document.FinishedAt ?? rollout.Document.CreatedAt) < before)
            .Select(rollout => rollout.Id).ToListAsync(cancellationToken);
        if (ended.Count == 0) return;
        var returning = await store.AllAsync<PendingReturn>("", cancellationToken)
            .Select(pending => DeviceRollout.IdOf(pending.Document.Rollout, PendingReturn.DeviceOf(pending.Id)))
            .ToHashSetAsync(StringComparer.Ordinal, cancellationToken);
        foreach (var rollout in ended)
        {
            if (await ForgetAsync(rollout, returning, cancellationToken) is > 0 and var devices) LogForgotten(Logger, devices, rollout);
        }
    }

    /// <summary>Forgets a rollout's devices, a part in a commit, and with the last of them the order in which it told them.</summary>
    /// <returns>How many.</returns>
    private async Task<int> ForgetAsync(string id, HashSet<string> returning, CancellationToken cancellationToken)
    {
        var (gone, stays) = (new List<Stored<DeviceRollout>>(), false);
        await foreach (var part in store.AllAsync<DeviceRollout>(DeviceRollout.PrefixOf(id), cancellationToken))
        {
            var back = returning.Contains(part.Id) || part.Document.Return is { Status: DeviceReturnStatus.SentBack };
            if (back || await IsWordAsync(part.Document, cancellationToken)) stays = true;
            else gone.Add(part);
        }
        var forgotten = 0;
        foreach (var part in gone.Chunk(RolloutMembers.Size).DefaultIfEmpty([]))
        {
            forgotten += part.Length;
            if (await store.FindAsync<Rollout>(id, cancellationToken) is not { Document.IsOpen: false } rollout) return forgotten;
            var removals = await RemovalsAsync(part, cancellationToken);
            if (!stays && forgotten == gone.Count) removals.AddRange(await RestAsync(rollout.Document, cancellationToken));
            if (removals.Count > 0)
                await store.CommitAsync(
                    [rollout.Change(rollout.Document.Forgetting(part.Select(each => each.Document))), .. removals], cancellationToken);
        }
        return forgotten;
    }

    /// <summary>True when the device follows the word of the rollout still: it may finish, be asked once more, or be taken back.</summary>
    private async Task<bool> IsWordAsync(DeviceRollout part, CancellationToken cancellationToken)
        => (await store.DesiredAsync(part.Device, cancellationToken)).Desired.Assignments.Any(has => has.By is { } by
            // What was ordered before there were targets names no rollout: the release tells.
            ? by.Rollout == part.Rollout
            : part.Models.Any(model => model.Model == has.Model && model.Version == has.Version));

    private async Task<List<StoreChange>> RemovalsAsync(Stored<DeviceRollout>[] parts, CancellationToken cancellationToken)
    {
        var removals = new List<StoreChange>();
        foreach (var part in parts)
        {
            removals.Add(part.Removal());
            var fetched = FetchedBytes.IdOf(part.Document.Rollout, part.Document.Device);
            if (await store.FindAsync<FetchedBytes>(fetched, cancellationToken) is { } bytes) removals.Add(bytes.Removal());
        }
        return removals;
    }

    private async Task<IReadOnlyList<StoreChange>> RestAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        var removals = await store.AllAsync<RolloutMembers>($"{rollout.Id}/", cancellationToken).Select(part => part.Removal())
            .ToListAsync(cancellationToken);
        foreach (var (model, _) in rollout.Plan.Moved())
        {
            if (await store.FindAsync<CanaryRecord>(CanaryRecord.IdOf(rollout, model), cancellationToken) is { } record)
                removals.Add(record.Removal());
        }
        return removals;
    }

    [LoggerMessage(LogLevel.Information, "{Devices} devices of rollout {Rollout}, which ended long ago, are forgotten")]
    private static partial void LogForgotten(ILogger logger, int devices, string rollout);
}
