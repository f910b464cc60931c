using Fleet.Contracts.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Keeps something about a device which must not outlive it, nor pass to whoever is enrolled under its id later.</summary>
internal interface IDeviceEnd
{
    /// <summary>What goes when the device is decommissioned, in the same commit; what is kept in memory goes at once.</summary>
    Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken);
}
