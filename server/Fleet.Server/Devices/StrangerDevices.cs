using System.Collections.Concurrent;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Certificates;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// Devices that hold a certificate of this server's authority and are not stored here: they enrolled after the backup that was restored.
/// They are kept in memory, since each knocks again within a minute.
/// </summary>
internal sealed partial class StrangerDevices(
    IFleetStore store, IDeviceIdentities identities, TimeProvider time, ILogger<StrangerDevices> logger)
{
    private const int Maximum = 10_000;

    private readonly ConcurrentDictionary<DeviceId, Knock> _seen = new();

    /// <summary>All of them, by id.</summary>
    public IReadOnlyList<StrangerView> All
        =>
        [
            .. _seen.Select(each => new StrangerView(each.Key, each.Value.At))
                .OrderBy(each => each.Device.Value, StringComparer.Ordinal),
        ];

    /// <summary>A device showed its certificate and is not stored. Of several the newest counts: the others may be copies.</summary>
    public void Knocked(DeviceId device, IssuedCertificate shown)
    {
        var knock = new Knock(time.GetUtcNow(), shown);
        if (_seen.Count < Maximum && _seen.TryAdd(device, knock)) LogKnocked(device);
        else if (_seen.ContainsKey(device)) _seen.AddOrUpdate(device, knock, (_, before) => before.Then(knock));
    }

    /// <summary>
    /// Takes a device in as it is, with the newest certificate that it has shown: its next report says what it is and what it serves.
    /// </summary>
    public async Task<Answer<Device>> AdoptAsync(string id, CancellationToken cancellationToken)
    {
        if (!DeviceId.TryParse(id, out var device) || !_seen.TryGetValue(device, out var knock))
            return Refusal.Unknown($"No device '{id}' that this server does not know has shown a certificate of its authority.");
        var adopted = new Device
        {
            Id = device,
            Facts = new DeviceFacts { Architecture = "unknown" },
            EnrolledAt = time.GetUtcNow(),
            Token = "adopted",
        };
        var stored = await store.RetryAsync(async _ =>
        {
            if (await store.DeviceAsync(device, cancellationToken) is { } known) return known.Document;
            await store.CommitAsync(
                [StoreChange.Create(device.Value, adopted), await identities.AdoptAsync(device, knock.Newest, cancellationToken)],
                cancellationToken);
            return adopted;
        }, cancellationToken);
        _seen.TryRemove(device, out _);
        LogAdopted(device);
        return stored;
    }

    /// <summary>When it was last there, and the newest certificate that it showed.</summary>
    private sealed record Knock(DateTimeOffset At, IssuedCertificate Newest)
    {
        public Knock Then(Knock next) => Newest.IssuedAt > next.Newest.IssuedAt ? next with { Newest = Newest } : next;
    }

    [LoggerMessage(LogLevel.Warning,
        "Device {Device} holds a certificate of this server's authority and is not stored here: 'fleet devices adopt' takes it in")]
    private partial void LogKnocked(DeviceId device);

    [LoggerMessage(LogLevel.Information, "Device {Device} is adopted")]
    private partial void LogAdopted(DeviceId device);
}
