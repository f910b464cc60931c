using System.Collections.Concurrent;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;

namespace Fleet.Server.Health;

/// <summary>
/// One thing that was found about devices, and about which. It is a warning and never a problem of the server: a device may say what it
/// likes.
/// </summary>
/// <param name="sentence">What it is and what to do, for so many devices.</param>
internal sealed class DeviceFinding(Func<int, string> sentence)
{
    /// <summary>Devices that are named, in order of id.</summary>
    private const int Named = 20;

    /// <summary>Characters of what is kept of each device.</summary>
    private const int MostDetail = 200;

    private readonly ConcurrentDictionary<DeviceId, string> _devices = new();

    /// <summary>Says that it is so of a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="detail">What is known, in a few words.</param>
    public void Add(DeviceId device, string detail)
        => _devices[device] = Limits.Detail(detail, MostDetail);

    /// <summary>Says that it is so of a device no more.</summary>
    public void Remove(DeviceId device) => _devices.TryRemove(device, out _);

    /// <summary>The warning as of now; null while it is so of no device.</summary>
    public HealthWarning? Warning()
    {
        var found = _devices.ToArray();
        return found.Length == 0
            ? null
            : new HealthWarning(sentence(found.Length), found.Length,
                [
                    .. found.OrderBy(each => each.Key.Value, StringComparer.Ordinal).Take(Named)
                        .Select(each => new WarnedDevice(each.Key, each.Value)),
                ]);
    }
}
