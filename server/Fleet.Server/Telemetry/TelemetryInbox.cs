using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Telemetry;

/// <summary>Takes telemetry batches. A batch that came before is taken again without a trace: its acknowledgement got lost.</summary>
internal sealed class TelemetryInbox(IFleetStore store) : IDeviceMessageHandler
{
    /// <inheritdoc/>
    public string Channel => Topics.Telemetry;

    /// <inheritdoc/>
    public int MaximumBytes => Limits.TelemetryBatchBytes;

    /// <inheritdoc/>
    public async Task<string?> HandleAsync(DeviceId device, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        TelemetryBatch? batch;
        try
        {
            batch = JsonSerializer.Deserialize(payload.Span, FleetJson.Default.TelemetryBatch);
        }
        catch (JsonException e)
        {
            return $"it is not a telemetry batch: {e.Message}";
        }
        if (batch is null) return "it is empty";
        if (TelemetryRules.ProblemOf(batch) is { } problem) return problem;
        await store.AppendSamplesAsync(device, batch, cancellationToken);
        return null;
    }
}
