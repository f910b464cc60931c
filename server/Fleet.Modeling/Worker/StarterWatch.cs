using Fleet.Platform;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Modeling.Worker;

/// <summary>
/// Stops a worker whose starter is gone, killed included: Linux then gives it another parent. Only a worker whose standard
/// input is a pipe is watched, for that is how programs start programs; one that was started by systemd or in a terminal may
/// outlive what started it.
/// </summary>
internal sealed partial class StarterWatch(IHostApplicationLifetime lifetime, TimeProvider time, ILogger<StarterWatch> logger)
    : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!OperatingSystem.IsLinux() || !StandardInputIsPipe()) return;
        var starter = ParentProcess.Id;
        try
        {
            await ParentProcess.GoneAsync(starter, time, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        LogOrphaned(starter);
        lifetime.StopApplication();
    }

    private static bool StandardInputIsPipe()
        => new FileInfo("/proc/self/fd/0").LinkTarget?.StartsWith("pipe:", StringComparison.Ordinal) == true;

    [LoggerMessage(LogLevel.Warning, "Process {Starter}, which started this worker, is gone: it stops as well")]
    private partial void LogOrphaned(int starter);
}
