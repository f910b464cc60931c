using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>The part that writes down when devices were heard.</summary>
internal sealed partial class DeviceBoard
{
    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryWriteAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(WritingInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryWriteAsync(stoppingToken);
        }
    }

    private async Task TryWriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WriteAsync(cancellationToken);
            health.Clear(HealthSubject);
        }
        catch (StoreException e)
        {
            LogNotWritten(e);
            health.Report(
                HealthSubject, $"When devices were last heard cannot be written down: {e.Message} It is kept in memory and tried again.");
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        foreach (var part in _unwritten.ToArray().Chunk(DevicesPerCommit))
        {
            // A device that is removed meanwhile must not keep the others from being written.
            await store.RetryAsync(async _ =>
            {
                var changes = new List<StoreChange>();
                foreach (var (device, at) in part)
                {
                    var seen = new DeviceSeen(at);
                    changes.Add(
                        await store.FindAsync<DeviceSeen>(device.Value, cancellationToken) is { } stored
                            ? stored.Change(seen)
                            : StoreChange.Create(device.Value, seen));
                }
                await store.CommitAsync(changes, cancellationToken);
                return true;
            }, cancellationToken);
            // Only now, and only what was written: a commit that failed, or a device heard meanwhile, is written next time.
            foreach (var written in part) _unwritten.TryRemove(written);
        }
    }

    [LoggerMessage(LogLevel.Warning, "When devices were last seen could not be written down; it is tried again")]
    private partial void LogNotWritten(Exception exception);
}
