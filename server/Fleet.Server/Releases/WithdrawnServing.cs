using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Server.Devices;
using Fleet.Server.Health;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>
/// Says in health which devices answered the order that withdrew a release and serve it all the same, so that somebody looks: their agents
/// are from before withdrawals, or they do not obey. Who is away has not answered, and <c>fleet releases show</c> names it.
/// </summary>
internal sealed class WithdrawnServing(IFleetStore store, ServerHealth health) : IReportedStateObserver, IDeviceEnd
{
    private readonly ConcurrentDictionary<DeviceId, string> _reported = new();
    private readonly DeviceFinding _serving = health.Finding("withdrawn", count =>
        $"{count} {(count == 1 ? "device serves" : "devices serve")} releases that were withdrawn, although they could have heard of it: "
        + "update their agents, or move them to another release.");

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> ObserveAsync(
        DeviceId device, ReportedState reported, CancellationToken cancellationToken)
    {
        var still = new List<string>();
        foreach (var model in reported.Models)
        {
            if (model.ActiveVersion is not { } version) continue;
            var withdrawal = await store.FindAsync<Withdrawal>(Release.IdOf(model.Model, version), cancellationToken);
            if (withdrawal?.Document.Release is not { KeepServing: false } release) continue;
            var (desired, _) = await store.DesiredAsync(device, cancellationToken);
            var isTold = desired.Withdrawn?.Contains(release) == true && reported.Revision >= desired.Revision;
            if (isTold || reported.Protocol < ProtocolVersion.SignedOrders) still.Add($"{model.Model} {version}");
        }
        _reported[device] = string.Join(", ", still);
        return [];
    }

    /// <inheritdoc/>
    public void Committed(DeviceId device)
    {
        if (!_reported.TryRemove(device, out var still)) return;
        if (still.Length > 0) _serving.Add(device, still);
        else _serving.Remove(device);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
    {
        _serving.Remove(device);
        return Task.FromResult<IReadOnlyList<StoreChange>>([]);
    }
}
