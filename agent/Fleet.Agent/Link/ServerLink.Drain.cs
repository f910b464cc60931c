using Fleet.Contracts.Protocol;
using Microsoft.Extensions.Logging;
using MQTTnet;

namespace Fleet.Agent.Link;

/// <summary>Sends what waits, and forgets it only when the server has acknowledged it, which means that it is stored.</summary>
internal sealed partial class ServerLink
{
    /// <summary>Sends while the connection stands: the reported state first, telemetry as far as the credit reaches.</summary>
    private async Task DrainAsync(IMqttClient client, Task ended, CancellationToken cancellationToken)
    {
        using var broken = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var sending = new Dictionary<long, Task>();
        Task filled = Task.CompletedTask;
        try
        {
            while (!ended.IsCompleted)
            {
                if (filled.IsCompleted) filled = outbox.FilledAsync(broken.Token);
                await SendReportedAsync(client, broken.Token);
                foreach (var (sequence, task) in sending.Where(one => one.Value.IsCompleted).ToArray())
                {
                    sending.Remove(sequence);
                    await task; // A refusal or a broken connection ends the drain; the batch is still in the outbox.
                }
                foreach (var sequence in outbox.Oldest(sending.Keys, options.InFlight - sending.Count))
                    sending[sequence] = SendBatchAsync(client, sequence, broken.Token);
                await Task.WhenAny([ended, filled, .. sending.Values]);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await broken.CancelAsync();
            await Task.WhenAll(sending.Values.Append(filled)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SendReportedAsync(IMqttClient client, CancellationToken cancellationToken)
    {
        if (outbox.TakeReported() is not { } state) return;
        try
        {
            var result = await SendAsync(client, Topics.Reported, state, cancellationToken);
            if (!Stored(result))
                throw new IOException($"the server did not store the reported state: {result.ReasonCode} {result.ReasonString}");
        }
        catch
        {
            outbox.ReturnReported(state);
            throw;
        }
    }

    private async Task SendBatchAsync(IMqttClient client, long sequence, CancellationToken cancellationToken)
    {
        if (outbox.Read(sequence) is not { } batch) return;
        var result = await SendAsync(client, Topics.Telemetry, batch, cancellationToken);
        if (result.ReasonCode == MqttClientPublishReasonCode.PayloadFormatInvalid)
        {
            // The server will never take it, and keeping it would hold up everything after it.
            LogBatchRefused(sequence, result.ReasonString);
            outbox.Acknowledge(sequence);
        }
        else if (Stored(result))
        {
            outbox.Acknowledge(sequence);
        }
        else
        {
            throw new IOException($"the server did not store telemetry batch {sequence}: {result.ReasonCode} {result.ReasonString}");
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

    [LoggerMessage(LogLevel.Error, "Telemetry batch {Sequence} was refused by the server as unreadable and is dropped: {Reason}")]
    private partial void LogBatchRefused(long sequence, string? reason);
}
