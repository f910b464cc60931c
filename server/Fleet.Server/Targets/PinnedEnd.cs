using Fleet.Contracts.Devices;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>The pins of a device end with it.</summary>
internal sealed class PinnedEnd(IFleetStore store) : IDeviceEnd
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
        => await store.AllAsync<Pin>(Pin.PrefixOf(device), cancellationToken).Select(pin => pin.Removal()).ToListAsync(cancellationToken);
}
