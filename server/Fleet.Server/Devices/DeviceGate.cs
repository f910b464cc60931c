using Fleet.Contracts.Devices;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Lets devices connect that are enrolled and not revoked.</summary>
internal sealed class DeviceGate(IFleetStore store) : IDeviceGate
{
    /// <inheritdoc/>
    public async Task<string?> WhyRefusedAsync(
        DeviceId device, CancellationToken cancellationToken) => await store.DeviceAsync(device, cancellationToken) switch
        {
            null => $"device {device} is not enrolled here",
            { Document.IsRevoked: true } => $"the certificate of device {device} is revoked",
            _ => null,
        };
}
