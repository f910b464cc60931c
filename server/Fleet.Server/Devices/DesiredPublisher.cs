using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Keys;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Tells devices what they should run: always whole, always as the store has it at that moment.</summary>
internal sealed partial class DesiredPublisher(
    IFleetStore store, IReleaseEnvelopes releases, FleetKeys keys, DesiredNotices notices, DeviceBoard board, DeviceOutbox outbox,
    SigningClock clock, ILogger<DesiredPublisher> logger) : BackgroundService
{
    /// <summary>
    /// How long a device may take an order. Longer than its trusted time can lie ahead by mistake; what holds orders back for months
    /// gains nothing with them.
    /// </summary>
    private static readonly TimeSpan OrderValidity = TimeSpan.FromDays(90);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var device in notices.ReadAllAsync(stoppingToken))
        {
            try
            {
                await TellAsync(device, stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogFailed(device, e);
            }
        }
    }

    private async Task TellAsync(DeviceId device, CancellationToken cancellationToken)
    {
        // A device that is away is told when it comes back.
        if (!board.IsOnline(device)) return;
        var (desired, _) = await store.DesiredAsync(device, cancellationToken);
        var assignments = new List<Assignment>();
        foreach (var release in desired.Assignments)
        {
            if (await releases.FindAsync(release.Model, release.Version, cancellationToken) is not { } envelope)
            {
                LogMissing(device, release.Model, release.Version);
                return;
            }
            assignments.Add(
                new Assignment
                {
                    Model = release.Model,
                    Version = release.Version,
                    Release = envelope,
                    Rollback = release.Rollback,
                    Window = release.Window,
                });
        }
        var move = await store.FindAsync<AnnouncedMove>(AnnouncedMove.Id, cancellationToken);
        if (keys.SignOrder(OrderOf(device, desired.Revision, assignments) with { Address = move?.Document.Address }) is not { } order)
        {
            LogNotSigned(device, string.Join(" ", keys.Problems()));
            return;
        }
        var reported = await store.FindAsync<DeviceReported>(device.Value, cancellationToken);
        var roots = keys.RootsAfter(reported is null ? null : reported.Document.State.Trust?.Root ?? 0);
        var state = new DesiredState
        {
            Revision = desired.Revision,
            Assignments = assignments,
            Order = order,
            Roots = roots.Count > 0 ? roots : null,
        };
        var payload = JsonSerializer.SerializeToUtf8Bytes(state, FleetJson.Default.DesiredState);
        if (await outbox.SendAsync(device, Topics.Desired, payload)) LogTold(device, desired.Revision, payload.Length);
    }

    private DeviceOrder OrderOf(DeviceId device, long revision, IReadOnlyList<Assignment> assignments) => new()
    {
        Fleet = keys.Root.Fleet,
        Device = device,
        Epoch = keys.Root.OrderEpoch,
        Revision = revision,
        IssuedAt = clock.Now(),
        ExpiresAt = clock.Now() + OrderValidity,
        Assignments = [.. assignments.Select(assignment => assignment.Ordered())],
        TimeAnchor = clock.Anchor,
    };

    [LoggerMessage(LogLevel.Debug, "Device {Device} is told revision {Revision} ({Bytes} bytes)")]
    private partial void LogTold(DeviceId device, long revision, int bytes);

    [LoggerMessage(LogLevel.Error, "Device {Device} should run release {Model} {Version}, which is not stored: nothing is sent to it")]
    private partial void LogMissing(DeviceId device, string model, int version);

    [LoggerMessage(LogLevel.Error, "Device {Device} is told nothing: {Problem}")]
    private partial void LogNotSigned(DeviceId device, string problem);

    [LoggerMessage(LogLevel.Error, "Device {Device} could not be told its desired state; it is told again when it connects")]
    private partial void LogFailed(DeviceId device, Exception exception);
}
