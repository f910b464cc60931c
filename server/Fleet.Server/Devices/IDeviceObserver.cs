using Fleet.Contracts.Devices;

namespace Fleet.Server.Devices;

/// <summary>A room that follows what a device is: that it was labelled, enrolled, or that it may no longer connect.</summary>
internal interface IDeviceObserver
{
    /// <summary>The device is stored otherwise than before; called after the commit. A reminder: must not block or throw.</summary>
    void Changed(DeviceId device);
}

/// <summary>Tells the rooms that follow.</summary>
internal sealed class DeviceChanges(IEnumerable<IDeviceObserver> observers)
{
    private readonly IDeviceObserver[] _observers = [.. observers];

    /// <summary>Call after the commit.</summary>
    public void Tell(DeviceId device)
    {
        foreach (var observer in _observers) observer.Changed(device);
    }
}
