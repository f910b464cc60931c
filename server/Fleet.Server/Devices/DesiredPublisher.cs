using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Server.Messaging;

namespace Fleet.Server.Devices;

/// <summary>Tells devices what they should run: always whole, always as the store has it at that moment.</summary>
internal sealed partial class DesiredPublisher(
    OrderedStates states, DesiredNotices notices, DeviceBoard board, DeviceOutbox outbox, ILogger<DesiredPublisher> logger)
    : BackgroundService
{
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
        var (state, problem) = await states.OfAsync(device, cancellationToken);
        if (state is null)
        {
            LogNotSigned(device, problem);
            return;
        }
        var payload = JsonSerializer.SerializeToUtf8Bytes(state, FleetJson.Default.DesiredState);
        if (await outbox.SendAsync(device, Topics.Desired, payload)) LogTold(device, state.Revision, payload.Length);
    }

    [LoggerMessage(LogLevel.Debug, "Device {Device} is told revision {Revision} ({Bytes} bytes)")]
    private partial void LogTold(DeviceId device, long revision, int bytes);

    [LoggerMessage(LogLevel.Error, "Device {Device} is told nothing: {Problem}")]
    private partial void LogNotSigned(DeviceId device, string problem);

    [LoggerMessage(LogLevel.Error, "Device {Device} could not be told its desired state; it is told again when it connects")]
    private partial void LogFailed(DeviceId device, Exception exception);
}
