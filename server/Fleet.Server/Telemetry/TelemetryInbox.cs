using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Devices;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Telemetry;

/// <summary>
/// Takes telemetry, a pack of batches or one of protocol 1. A batch that came before is taken again without a trace: its
/// acknowledgement got lost.
/// </summary>
internal sealed class TelemetryInbox(IFleetStore store, TelemetryBudget budget) : IDeviceMessageHandler
{
    /// <inheritdoc/>
    public string Channel => Topics.Telemetry;

    /// <inheritdoc/>
    public int MaximumBytes => Limits.TelemetryBatchBytes;

    /// <inheritdoc/>
    public async Task<MessageRefusal?> HandleAsync(DeviceId device, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        IReadOnlyList<TelemetryBatch> batches;
        try
        {
            batches = TelemetryPack.Decode(payload.Span);
        }
        catch (FormatException e)
        {
            return $"it is not telemetry: {e.Message}";
        }
        // All or none: what was refused in part would come again in whole.
        if (batches.Select(TelemetryRules.ProblemOf).FirstOrDefault(problem => problem is not null) is { } problem) return problem;
        var enrolled = (await store.FindAsync<Device>(device.Value, cancellationToken))?.Document;
        var identity = enrolled is null ? null : $"{enrolled.Token} {enrolled.EnrolledAt:O}";
        if (await budget.RefusalAsync(new TelemetrySender(device, identity), payload.Length, batches, cancellationToken) is { } refusal)
            return refusal;
        if (await store.AppendSamplesAsync(device, new TelemetryMessage(payload, batches, identity), cancellationToken) > 0)
            budget.Stored(new TelemetrySender(device, identity), payload.Length, batches);
        return null;
    }
}
