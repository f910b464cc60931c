using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Server.Messaging;

namespace Fleet.Server.Devices;

/// <summary>
/// Takes what devices and their wills say about their presence. The embedded broker sees connections come and go itself, which is
/// surer: the will of a connection that was taken over arrives after its successor. So this only checks what is said.
/// </summary>
internal sealed class PresenceInbox : IDeviceMessageHandler
{
    /// <inheritdoc/>
    public string Channel => Topics.Presence;

    /// <inheritdoc/>
    public int MaximumBytes => 1024;

    /// <inheritdoc/>
    public Task<MessageRefusal?> HandleAsync(DeviceId device, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        try
        {
            var said = JsonSerializer.Deserialize(payload.Span, FleetJson.Default.Presence);
            return Task.FromResult(said is null ? new MessageRefusal("it is empty") : null);
        }
        catch (JsonException e)
        {
            return Task.FromResult<MessageRefusal?>($"it is not a presence message: {e.Message}");
        }
    }
}
