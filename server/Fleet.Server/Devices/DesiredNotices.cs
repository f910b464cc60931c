using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
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

    // Each device waits once, however often it subscribes: what waits is no longer than the fleet.
    private readonly ConcurrentDictionary<DeviceId, byte> _waiting = new();

    /// <summary>Call after the commit.</summary>
    public void Notify(DeviceId device)
    {
        if (_waiting.TryAdd(device, 0)) _changed.Writer.TryWrite(device);
    }

    /// <summary>The devices, in the order they were named.</summary>
    public async IAsyncEnumerable<DeviceId> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var device in _changed.Reader.ReadAllAsync(cancellationToken))
        {
            // Before it is told: what changes from here on is told again.
            _waiting.TryRemove(device, out _);
            yield return device;
        }
    }
}
