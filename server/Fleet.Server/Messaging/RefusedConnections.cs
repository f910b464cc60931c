using System.Diagnostics.Metrics;
using System.Net;

namespace Fleet.Server.Messaging;

/// <summary>A room that keeps track of connections that were refused. Short: whoever connects waits.</summary>
internal interface IRefusalObserver
{
    /// <summary>A connection was refused.</summary>
    /// <param name="refusal">Which, and why.</param>
    void Refused(RefusedConnection refusal);
}

/// <summary>A connection that was refused.</summary>
/// <param name="Device">The device, where a certificate of this server's authority proves it; null where anybody may have come.</param>
/// <param name="Claimed">What a stranger calls itself: nothing proves it.</param>
/// <param name="From">Where it came from.</param>
/// <param name="Reason">Why.</param>
internal sealed record RefusedConnection(string? Device, string? Claimed, EndPoint? From, string Reason);

/// <summary>Counts connections of devices that are refused, and tells who keeps track.</summary>
internal sealed class RefusedConnections : IDisposable
{
    private readonly IRefusalObserver[] _observers;
    private readonly Meter _meter;
    private readonly Counter<long> _refused;

    /// <param name="observers">Who keeps track.</param>
    /// <param name="meters">Where what is counted can be read.</param>
    public RefusedConnections(IEnumerable<IRefusalObserver> observers, IMeterFactory meters)
    {
        _observers = [.. observers];
        _meter = meters.Create(DeviceTraffic.MeterName);
        _refused = _meter.CreateCounter<long>(
            "connections.refused", "connections", "Connections to the ports of devices that were refused, for what they showed or said.");
    }

    /// <summary>Counts one.</summary>
    public void Add(RefusedConnection refusal)
    {
        _refused.Add(1);
        foreach (var observer in _observers) observer.Refused(refusal);
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
