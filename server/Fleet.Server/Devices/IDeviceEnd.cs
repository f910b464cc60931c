using Fleet.Contracts.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>A room that keeps something about a device which must not pass to whoever is enrolled under its id later.</summary>
internal interface IDeviceEnd
{
    /// <summary>What goes when the device is decommissioned, in the same commit.</summary>
    Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken);
}
