using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Agent.Inference;
using Fleet.Agent.Link;
using Fleet.Contracts;
using Fleet.Contracts.Telemetry;
using Fleet.Platform;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Telemetry;

/// <summary>Puts one batch per interval into the outbox, whether or not the server is reachable.</summary>
internal sealed partial class TelemetrySampler(
    InferenceHost host,
    ResourceReader resources,
    Outbox outbox,
    DataFolder folder,
    TelemetryOptions options,
    TimeProvider time,
    ILogger<TelemetrySampler> logger) : BackgroundService
{
    private readonly TelemetryPace _pace = new();
    private ResourceStats? _machine;
    private long _sequence;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _sequence = Math.Max(outbox.LargestSequence, ReadSequence());
        resources.Read([]); // Processor use counts from here.
        var began = time.GetTimestamp();
        using var timer = new PeriodicTimer(options.Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                var models = await host.DrainAsync(stoppingToken);
                var (to, ended) = (time.GetUtcNow(), time.GetTimestamp());
                _machine = TelemetryPace.Steady(_machine, resources.Read(host.ProcessId is { } child ? [child] : []));
                Keep(new TelemetryBatch
                {
                    Sequence = NextSequence(),
                    // By the clock that nobody sets: no server takes a batch that ends before it began.
                    From = to - time.GetElapsedTime(began, ended),
                    To = to,
                    Models = models,
                    Resources = _machine,
                });
                began = ended;
            }
            catch (IOException e)
            {
                // A full disk costs telemetry, never the agent.
                LogNotKept(e.Message);
            }
        }
    }

    private void Keep(TelemetryBatch batch)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(batch, WireJson.Default.TelemetryBatch);
        if (bytes.Length > Limits.TelemetryBatchBytes) LogTooLarge(batch.Sequence, bytes.Length);
        else outbox.Add(batch.Sequence, bytes, _pace.IsUrgent(batch));
    }

    /// <summary>The number is on disk before it is used: after a kill one may be skipped, but none is used twice.</summary>
    private long NextSequence()
    {
        DurableFile.Write(folder.TelemetrySequence, Encoding.ASCII.GetBytes((_sequence + 1).ToString(CultureInfo.InvariantCulture)));
        return ++_sequence;
    }

    private long ReadSequence() => DurableFile.Read(folder.TelemetrySequence) is { } content
        && long.TryParse(Encoding.ASCII.GetString(content), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            ? sequence
            : 0;

    [LoggerMessage(LogLevel.Warning, "A telemetry batch could not be kept: {Reason}")]
    private partial void LogNotKept(string reason);

    [LoggerMessage(LogLevel.Error, "Telemetry batch {Sequence} has {Bytes:N0} bytes, more than the server reads; it is dropped.")]
    private partial void LogTooLarge(long sequence, int bytes);
}
