using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;

namespace Fleet.Server.Messaging;

/// <summary>What a device has to hear for a packet it sent.</summary>
/// <param name="Wait">How long its next packet is not read.</param>
/// <param name="BeginsToBeSlowed">True for the first packet that has to wait.</param>
/// <param name="IsCut">True when it has been slowed for too long.</param>
internal readonly record struct TrafficVerdict(TimeSpan Wait, bool BeginsToBeSlowed, bool IsCut);

/// <summary>
/// How much each device sends. Who sends more than its share is slowed, and cut when that does not help; what it sent that was refused
/// costs more than what was taken. What comes from one place does not count against another, so that a copy of a device's key that is
/// elsewhere uses up nothing of the device's own share (<see cref="DeviceAccount"/>). Kept in memory since the start: the shares begin anew
/// with the server, which is worth one burst and no more, and no device can bring it about.
/// </summary>
internal sealed class DeviceTraffic : IDisposable
{
    /// <summary>Packets that a connection, a subscription (it is answered with the desired state) or a refusal stands for.</summary>
    public const int CostOfMuch = 20;

    /// <summary>The meter of everything that this server counts.</summary>
    public const string MeterName = "Fleet";

    private readonly ConcurrentDictionary<DeviceId, DeviceAccount> _devices = new();
    private readonly Meter _meter;
    private readonly Counter<long> _slowed;
    private readonly Counter<long> _cut;
    private readonly Counter<long> _refused;
    private readonly MessagingOptions _options;
    private readonly TimeProvider _time;
    private readonly long _begin;

    /// <param name="options">The share of a device.</param>
    /// <param name="time">The clock.</param>
    /// <param name="meters">Where what is counted can be read; null counts for nobody.</param>
    public DeviceTraffic(MessagingOptions options, TimeProvider time, IMeterFactory? meters = null)
    {
        _meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        (_options, _time, _begin) = (options, time, time.GetTimestamp());
        _slowed = _meter.CreateCounter<long>("devices.slowed", "devices", "Devices that began to be slowed for sending too much.");
        _cut = _meter.CreateCounter<long>("devices.cut", "devices", "Devices that were disconnected for sending too much.");
        _refused = _meter.CreateCounter<long>("messages.refused", "messages", "Messages of devices that were refused for good.");
    }

    /// <summary>Counts what a device sent.</summary>
    /// <param name="device">The device.</param>
    /// <param name="from">Where its connection comes from.</param>
    /// <param name="packets">Packets, or what they stand for.</param>
    /// <param name="bytes">Their bytes.</param>
    public TrafficVerdict Charge(DeviceId device, Origin from, int packets, long bytes)
    {
        var verdict = Of(device).Charge(from, packets, bytes, _time.GetElapsedTime(_begin), _time.GetUtcNow());
        if (verdict.BeginsToBeSlowed) _slowed.Add(1);
        if (verdict.IsCut) _cut.Add(1);
        return verdict;
    }

    /// <summary>Counts a message that was refused for good.</summary>
    public void Refused(DeviceId device, Origin from, string reason)
    {
        _refused.Add(1);
        Of(device).Refused(from, Limits.Detail(reason), CostOfMuch, _time.GetElapsedTime(_begin), _time.GetUtcNow());
    }

    /// <summary>Cuts a device at once, for what no agent does.</summary>
    public void Cut(DeviceId device, Origin from)
    {
        _cut.Add(1);
        Of(device).Cut(from, _time.GetElapsedTime(_begin));
    }

    /// <summary>Until when connections of the device from there are kept out; null when they are not.</summary>
    public DateTimeOffset? CutUntil(DeviceId device, Origin from)
        => _devices.TryGetValue(device, out var account)
            ? account.CutUntil(from, _time.GetElapsedTime(_begin), _time.GetUtcNow())
            : null;

    /// <summary>Begins anew with a device that has a new key: what was done with the one before is not its own.</summary>
    public void Forget(DeviceId device) => _devices.TryRemove(device, out _);

    /// <summary>What there is to say about a device's traffic; null when there is nothing.</summary>
    public TrafficView? ViewOf(DeviceId device)
        => _devices.TryGetValue(device, out var account) ? account.ToView(_time.GetElapsedTime(_begin), _time.GetUtcNow()) : null;

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private DeviceAccount Of(DeviceId device)
        => _devices.GetOrAdd(device, static (_, options) => new DeviceAccount(options), _options);
}
