using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>Rollouts as operators see them, counted from the device rollouts as they are stored now.</summary>
internal static class RolloutViews
{
    /// <summary>The newest rollouts, without their devices.</summary>
    public static async Task<IReadOnlyList<RolloutView>> RolloutViewsAsync(
        this IFleetStore store, string? before, int limit, CancellationToken cancellationToken)
    {
        var views = new List<RolloutView>();
        foreach (var stored in await store.ListNewestAsync<Rollout>("", before, limit, cancellationToken))
        {
            views.Add(Of(stored.Document, await DevicesAsync(store, stored.Document, cancellationToken)) with
            {
                Fetched = (await store.FindAsync<FetchedBytes>(stored.Id, cancellationToken))?.Document.Bytes ?? 0,
            });
        }
        return views;
    }

    /// <summary>
    /// One rollout with all its devices by wave and id, those that wait included; null when there is none of that id. A device keeps its
    /// place while it moves on, so that pages behind one another miss none.
    /// </summary>
    public static async Task<RolloutView?> RolloutViewAsync(this IFleetStore store, string id, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Rollout>(id, cancellationToken) is not { Document: var rollout }) return null;
        var devices = await DevicesAsync(store, rollout, cancellationToken);
        var members = (await store.AllAsync<RolloutMembers>($"{id}/", cancellationToken).ToListAsync(cancellationToken))
            .SelectMany(part => part.Document.Devices);
        var waiting = members.Index().Skip(rollout.Told).Select(member => new DeviceRolloutView(
            member.Item, rollout.Waves.First(
                wave => member.Index < wave.End).Number, DeviceRolloutStatus.Waiting, DeploymentPhase.Idle, DeploymentFailure.None, ""));
        var fetched = await store.FetchedAsync(id, cancellationToken);
        return Of(rollout, devices) with
        {
            Fetched = (await store.FindAsync<FetchedBytes>(id, cancellationToken))?.Document.Bytes ?? 0,
            Devices = [.. devices.Select(device => Of(device, fetched.GetValueOrDefault(DeviceRollout.IdOf(id, device.Device))))
                .Concat(waiting).OrderBy(device => device.Wave).ThenBy(device => device.Device.Value, StringComparer.Ordinal)],
        };
    }

    /// <summary>What each device fetched for a rollout, by the id of its part.</summary>
    public static async Task<IReadOnlyDictionary<string, FetchedBytes>> FetchedAsync(
        this IFleetStore store, string rollout, CancellationToken cancellationToken)
        => await store.AllAsync<FetchedBytes>(DeviceRollout.PrefixOf(rollout), cancellationToken)
            .ToDictionaryAsync(stored => stored.Id, stored => stored.Document, cancellationToken: cancellationToken);

    /// <summary>The part of a rollout's frozen order that holds a position.</summary>
    public static async Task<RolloutMembers> MembersAsync(
        this IFleetStore store, Rollout rollout, int position, CancellationToken cancellationToken)
    {
        var id = RolloutMembers.IdOf(rollout.Id, position / RolloutMembers.Size);
        return (await store.FindAsync<RolloutMembers>(id, cancellationToken))?.Document
            ?? throw new InvalidOperationException($"Members '{id}' are not stored.");
    }

    private static async Task<IReadOnlyList<DeviceRollout>> DevicesAsync(
        IFleetStore store, Rollout rollout, CancellationToken cancellationToken)
        => await store.AllAsync<DeviceRollout>(
            DeviceRollout.PrefixOf(rollout.Id), cancellationToken).Select(stored => stored.Document).ToListAsync(cancellationToken);

    private static RolloutView Of(Rollout rollout, IReadOnlyList<DeviceRollout> devices)
    {
        var byWave = devices.ToLookup(device => device.Wave);
        return new RolloutView
        {
            Id = rollout.Id,
            Plan = rollout.Plan,
            Status = rollout.Status,
            Reason = rollout.Reason,
            CreatedAt = rollout.CreatedAt,
            FinishedAt = rollout.FinishedAt,
            OpenWave = rollout.OpenWave,
            Target = rollout.Targets is [var only] ? only.Target : null,
            Targets = [.. rollout.Targets.Select(moved => moved.Target)],
            StartedBy = rollout.StartedBy,
            ApprovedBy = rollout.ApprovedBy,
            Returns = ReturnsOf(
            [
                .. devices.Select(device => device.Return?.Status)
                    .Concat(rollout.Forgotten.SelectMany(gone => Enumerable.Repeat(gone.Return, gone.Devices)))
                    .OfType<DeviceReturnStatus>(),
            ]),
            Forgotten = rollout.Forgotten.Sum(gone => gone.Devices),
            Excluded = rollout.Excluded,
            Waves = [.. rollout.Waves.Select(wave => Of(wave, rollout.TallyOf(wave, byWave[wave.Number])) with
            {
                Held = rollout.Status == RolloutStatus.Running && wave.Number == rollout.OpenWave ? wave.Held : null,
            })],
        };
    }

    private static WaveView Of(Wave wave, WaveTally tally)
        => new(
            wave.Number, wave.Total, wave.Total - tally.Told - (wave.Total - tally.Total), tally.Running, tally.Succeeded, tally.Failed,
            wave.OpenedAt, wave.FinishedAt, wave.Total - tally.Total)
        {
            Canary = wave.Canary,
        };

    /// <summary>Devices on their way back; null when there are none.</summary>
    public static ReturnsView? ReturnsOf(IReadOnlyList<DeviceReturnStatus> returns)
    {
        var counts = returns.CountBy(status => status).ToDictionary();
        return counts.Count == 0
            ? null
            : new ReturnsView(
                counts.GetValueOrDefault(DeviceReturnStatus.SentBack), counts.GetValueOrDefault(DeviceReturnStatus.Returned),
                counts.GetValueOrDefault(DeviceReturnStatus.NotReturned), counts.GetValueOrDefault(DeviceReturnStatus.Superseded));
    }

    private static DeviceRolloutView Of(DeviceRollout device, FetchedBytes? fetched)
    {
        var only = device.Models is [var one] ? one : null;
        return new(
            device.Device, device.Wave, device.Status, device.Phase, device.Failure, DetailOf(device, fetched),
            only?.Variant, only?.Measured,
            device.UpdatedAt,
            device.Return is { } way ? new DeviceReturnView(way.Status, way.Failure, way.Detail, way.Version) : null)
        {
            Fetched = fetched?.Bytes ?? 0,
            Models = only is not null ? [] : [.. device.Models.Select(model => new DeviceModelView(
                model.Model, model.Version, model.Phase, model.Failure, model.Detail ?? "", model.Variant, model.Measured,
                model.ReturnsTo))],
        };
    }

    /// <summary>A device knows that it was refused; only the server knows why.</summary>
    private static string DetailOf(DeviceRollout device, FetchedBytes? fetched)
        => fetched?.Refused is { } why && device.Status is DeviceRolloutStatus.Running or DeviceRolloutStatus.Failed
            ? string.Join(' ', ((string[])[device.Detail, why]).Where(part => part.Length > 0))
            : device.Detail;
}
