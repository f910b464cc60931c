using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Telemetry;
using Microsoft.Extensions.Logging;
using MQTTnet;

namespace Fleet.Agent.Link;

/// <summary>Sends what waits, and forgets it only when the server has acknowledged it, which means that it is stored.</summary>
internal sealed partial class ServerLink
{
    /// <summary>How long telemetry waits when the server stores no more of this device for now.</summary>
    private static readonly TimeSpan HoldTime = TimeSpan.FromMinutes(15);

    /// <summary>Sends while the connection stands: the reported state first, telemetry as far as the credit reaches.</summary>
    private async Task DrainAsync(IMqttClient client, Task ended, CancellationToken cancellationToken)
    {
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = new Dictionary<IReadOnlyList<long>, Task<bool>>();
        Task? holding = null;
        Task filled = Task.CompletedTask;
        try
        {
            while (!ended.IsCompleted)
            {
                if (filled.IsCompleted) filled = outbox.FilledAsync(broken.Token);
                await SendReportedAsync(client, broken.Token);
                _failures = 0;
                foreach (var (pack, task) in sending.Where(one => one.Value.IsCompleted).ToArray())
                {
                    sending.Remove(pack);
                    // A refusal or a broken connection ends the drain; the batches are still in the outbox.
                    if (!await task && holding is null) holding = Hold(broken.Token);
                }
                if (holding is { IsCompleted: true })
                {
                    holding = null;
                    outbox.Flush();
                }
                while (holding is null && sending.Count < options.InFlight
                    && outbox.NextPack([.. sending.Keys.SelectMany(pack => pack)]) is { Count: > 0 } next)
                    sending[next] = SendPackAsync(client, next, broken.Token);
                await Task.WhenAny([ended, filled, .. sending.Values, .. holding is null ? [] : (Task[])[holding]]);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await broken.CancelAsync();
            await Task.WhenAll(sending.Values.Append(filled).Append(holding ?? Task.CompletedTask))
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SendReportedAsync(IMqttClient client, CancellationToken cancellationToken)
    {
        if (outbox.TakeReported() is not { } state) return;
        var result = await SendAsync(client, Topics.Reported, state, cancellationToken);
        if (!Stored(result))
            throw new IOException($"the server did not store the reported state: {result.ReasonCode} {result.ReasonString}");
    }

    /// <summary>The server stores no more of this device for now: telemetry waits, reports go on.</summary>
    private Task Hold(CancellationToken cancellationToken)
    {
        LogHeld(HoldTime);
        return Task.Delay(HoldTime, time, cancellationToken);
    }

    /// <summary>Sends batches.</summary>
    /// <returns>False when the server stores no more of them for now; they are still in the outbox.</returns>
    private async Task<bool> SendPackAsync(IMqttClient client, IReadOnlyList<long> sequences, CancellationToken cancellationToken)
    {
        var batches = sequences.Select(Batch).OfType<TelemetryBatch>().ToList();
        if (batches.Count == 0) return true;
        var pack = TelemetryPack.Encode(batches);
        // What does not fit goes in halves, and so does what is refused: a batch that nobody can read must not take others with it.
        var result = TelemetryPack.Fits(pack) || batches.Count == 1
            ? await SendAsync(client, Topics.Telemetry, pack, cancellationToken)
            : null;
        if (result?.ReasonCode == MqttClientPublishReasonCode.QuotaExceeded) return false;
        if (result is not null && Stored(result))
        {
            foreach (var sequence in sequences) outbox.Acknowledge(sequence);
        }
        else if (result is null || result.ReasonCode == MqttClientPublishReasonCode.PayloadFormatInvalid)
        {
            if (sequences.Count > 1)
            {
                foreach (var half in sequences.Chunk((sequences.Count + 1) / 2))
                {
                    if (!await SendPackAsync(client, half, cancellationToken)) return false;
                }
                return true;
            }
            // The server will never take it; keeping it would hold up all that follows.
            LogBatchRefused(sequences[0], result?.ReasonString);
            outbox.Acknowledge(sequences[0]);
        }
        else
        {
            throw new IOException($"the server did not store telemetry batch {sequences[0]}: {result.ReasonCode} {result.ReasonString}");
        }
        return true;
    }

    /// <summary>A batch out of the outbox; null when it was dropped meanwhile, or is unreadable and dropped now.</summary>
    private TelemetryBatch? Batch(long sequence)
    {
        if (outbox.Read(sequence) is not { } bytes)
        {
            // Somebody who needed the space may have deleted it: what is not there any more does not wait any more.
            outbox.Acknowledge(sequence);
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize(bytes, WireJson.Default.TelemetryBatch);
        }
        catch (JsonException e)
        {
            LogBatchRefused(sequence, e.Message);
            outbox.Acknowledge(sequence);
            return null;
        }
    }

    private async Task<MqttClientPublishResult> SendAsync(
        IMqttClient client, string channel, byte[] payload, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.Timeout);
        return await PublishAsync(client, channel, payload, limit.Token);
    }

    /// <summary>"No matching subscribers" is a success: the server has consumed the message instead of routing it.</summary>
    private static bool Stored(MqttClientPublishResult result)
        => result.ReasonCode is MqttClientPublishReasonCode.Success or MqttClientPublishReasonCode.NoMatchingSubscribers;

    [LoggerMessage(LogLevel.Warning, "The server stores no more telemetry of this device for now; it waits for {HoldTime}.")]
    private partial void LogHeld(TimeSpan holdTime);

    [LoggerMessage(LogLevel.Error, "Telemetry batch {Sequence} was refused by the server as unreadable and is dropped: {Reason}")]
    private partial void LogBatchRefused(long sequence, string? reason);
}
