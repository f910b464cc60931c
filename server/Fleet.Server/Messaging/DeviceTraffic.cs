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
/// costs more than what was taken. Kept in memory, a few hundred bytes for each device that connected since the start.
/// </summary>
internal sealed class DeviceTraffic : IDisposable
{
    /// <summary>Packets that a connection, a subscription (it is answered with the desired state) or a refusal stands for.</summary>
    public const int CostOfMuch = 20;

    /// <summary>The meter of everything that this server counts.</summary>
    public const string MeterName = "Fleet";

    private readonly ConcurrentDictionary<DeviceId, DeviceMeter> _devices = new();
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
    /// <param name="packets">Packets, or what they stand for.</param>
    /// <param name="bytes">Their bytes.</param>
    public TrafficVerdict Charge(DeviceId device, int packets, long bytes)
    {
        var verdict = Of(device).Charge(packets, bytes, _time.GetElapsedTime(_begin), _time.GetUtcNow());
        if (verdict.BeginsToBeSlowed) _slowed.Add(1);
        if (verdict.IsCut) _cut.Add(1);
        return verdict;
    }

    /// <summary>Counts a message that was refused for good.</summary>
    public void Refused(DeviceId device, string reason)
    {
        _refused.Add(1);
        Of(device).Refused(Limits.Detail(reason), CostOfMuch, _time.GetElapsedTime(_begin), _time.GetUtcNow());
    }

    /// <summary>Cuts a device at once, for what no agent does.</summary>
    public void Cut(DeviceId device)
    {
        _cut.Add(1);
        Of(device).Cut(_time.GetUtcNow());
    }

    /// <summary>Until when the device is kept out; null when it is not.</summary>
    public DateTimeOffset? CutUntil(DeviceId device)
        => _devices.TryGetValue(device, out var meter) && meter.CutUntil > _time.GetUtcNow() ? meter.CutUntil : null;

    /// <summary>What there is to say about a device's traffic; null when there is nothing.</summary>
    public TrafficView? ViewOf(DeviceId device)
        => _devices.TryGetValue(device, out var meter) ? meter.ToView(_time.GetUtcNow()) : null;

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private DeviceMeter Of(DeviceId device) => _devices.GetOrAdd(device, static (_, options) => new DeviceMeter(options), _options);

    /// <summary>The account of one device.</summary>
    private sealed class DeviceMeter(MessagingOptions options)
    {
        private readonly Lock _lock = new();
        private readonly TokenBucket _packets = new(options.PacketsPerSecond, options.PacketBurst, options.SlowedAtMost);
        private readonly TokenBucket _bytes = new(options.BytesPerSecond, options.ByteBurst, options.SlowedAtMost);
        private TimeSpan? _slowed;
        private DateTimeOffset? _slowedSince;
        private long _refused;
        private string? _lastRefusal;
        private DateTimeOffset? _lastRefusalAt;

        public DateTimeOffset? CutUntil { get; private set; }

        public TrafficVerdict Charge(int packets, long bytes, TimeSpan now, DateTimeOffset at)
        {
            lock (_lock)
            {
                var (forPackets, forBytes) = (_packets.Take(packets, now), _bytes.Take(bytes, now));
                var wait = forPackets > forBytes ? forPackets : forBytes;
                var begins = wait > TimeSpan.Zero && _slowed is null;
                if (begins) (_slowed, _slowedSince) = (now, at);
                if (_packets.HasRecovered && _bytes.HasRecovered) (_slowed, _slowedSince) = (null, null);
                if (_slowed is not { } since || now - since < options.SlowedAtMost) return new(wait, begins, false);
                CutUntil = at + options.CutFor;
                (_slowed, _slowedSince) = (null, null);
                return new(wait, begins, true);
            }
        }

        public void Refused(string reason, int packets, TimeSpan now, DateTimeOffset at)
        {
            lock (_lock)
            {
                _packets.Take(packets, now);
                _refused++;
                (_lastRefusal, _lastRefusalAt) = (reason, at);
            }
        }

        public void Cut(DateTimeOffset at)
        {
            lock (_lock) CutUntil = at + options.CutFor;
        }

        public TrafficView? ToView(DateTimeOffset now)
        {
            lock (_lock)
            {
                var view = new TrafficView
                {
                    SlowedSince = _slowedSince,
                    CutUntil = CutUntil > now ? CutUntil : null,
                    Refused = _refused,
                    LastRefusal = _lastRefusal,
                    LastRefusalAt = _lastRefusalAt,
                };
                return view == new TrafficView() ? null : view;
            }
        }
    }
}
