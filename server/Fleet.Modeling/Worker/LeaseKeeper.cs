using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Microsoft.Extensions.Logging;

namespace Fleet.Modeling.Worker;

/// <summary>
/// Holds a lease while a build works, on a clock of its own: a native step that takes minutes does not lose it. When the
/// server says that the lease is gone, the build is cancelled.
/// </summary>
internal sealed partial class LeaseKeeper(FleetServer server, WorkerOptions options, TimeProvider time, ILogger<LeaseKeeper> logger)
{
    /// <summary>Sends progress until cancelled.</summary>
    /// <exception cref="LeaseLostException">The server gave the build to another or cancelled it.</exception>
    public async Task KeepAsync(LeaseResponse lease, LatestProgress progress, CancellationToken cancellationToken)
    {
        // A third: two tries may fail before the lease does.
        var renewal = lease.RenewWithin / 3;
        var interval = options.ProgressInterval < renewal ? options.ProgressInterval : renewal;
        BuildProgress? sent = null;
        var sentAt = time.GetTimestamp();
        while (true)
        {
            await Task.Delay(interval, time, cancellationToken);
            var value = progress.Value;
            if (value == sent && time.GetElapsedTime(sentAt) < renewal) continue;
            try
            {
                await server.ProgressAsync(lease.BuildId, new ProgressRequest(lease.LeaseId, value), cancellationToken);
                (sent, sentAt) = (value, time.GetTimestamp());
            }
            catch (Exception e) when (e is HttpRequestException or RefusedException)
            {
                // The work goes on: a server that comes back in time finds it further along.
                LogNotSent(lease.BuildId, e.Message);
            }
        }
    }

    [LoggerMessage(LogLevel.Warning, "Progress of build {Build} could not be sent, the build goes on: {Reason}")]
    private partial void LogNotSent(string build, string reason);
}
