using System.Threading.Channels;
using Fleet.Contracts.Devices;

namespace Fleet.Server.Devices;

/// <summary>
/// Devices whose desired state was committed and should be told. A reminder only: a device that is not connected, or a server that
/// dies before it tells, loses nothing, because every connect is answered with the desired state from the store.
/// </summary>
internal sealed class DesiredNotices
{
    private readonly Channel<DeviceId> _changed = Channel.CreateUnbounded<DeviceId>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Call after the commit.</summary>
    public void Notify(DeviceId device) => _changed.Writer.TryWrite(device);

    /// <summary>The devices, in the order they were named.</summary>
    public IAsyncEnumerable<DeviceId> ReadAllAsync(CancellationToken cancellationToken) => _changed.Reader.ReadAllAsync(cancellationToken);
}
