using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Platform;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Modeling.Worker;

/// <summary>
/// Asks the server for builds and runs one at a time, until it is stopped. A build in hand is then left: its lease lapses, and a worker on
/// the same folder goes on with it.
/// </summary>
internal sealed partial class BuildWorker(
    FleetServer server, LeaseKeeper keeper, WorkFolder folder, WorkerOptions options, TimeProvider time, IHostApplicationLifetime lifetime,
    ILogger<BuildWorker> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LogReady(options.Name, options.Server);
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                if (await PersistAsync("ask for work", token => server.LeaseAsync(options.Name, token), stoppingToken) is { } lease)
                    await RunAsync(lease, stoppingToken);
                else await Task.Delay(options.PollInterval, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped(options.Name);
        }
        catch (Exception e) when (e is RefusedException or LeaseLostException)
        {
            // A wrong key or a wrong address does not mend itself.
            LogRefused(options.Server, e.Message);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    private async Task RunAsync(LeaseResponse lease, CancellationToken stoppingToken)
    {
        LogLeased(lease.BuildId, lease.Spec.Model);
        var own = folder.Open(lease.BuildId);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var progress = new LatestProgress();
        var kept = keeper.KeepAsync(lease, progress, ending.Token);
        var built = BuildAsync(lease, own.Path, progress, ending.Token, stoppingToken);
        try
        {
            // Whichever ends first ends the other: a result, or a lost lease.
            var first = await Task.WhenAny(built, kept);
            await ending.CancelAsync();
            await Task.WhenAll(built, kept).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // The server ends a lease when it has the result: of a build that is handed over it does not matter which ended first.
            if (built.IsCompletedSuccessfully) own.Delete();
            else await first;
        }
        catch (LeaseLostException e)
        {
            LogLost(lease.BuildId, e.Message);
        }
        stoppingToken.ThrowIfCancellationRequested();
    }

    private async Task BuildAsync(
        LeaseResponse lease, string path, LatestProgress progress, CancellationToken cancellationToken, CancellationToken stoppingToken)
    {
        try
        {
            if (SpecFiles.Missing(lease.Spec, $"the machine of worker {options.Name}, {Environment.MachineName}") is { Count: > 0 } missing)
                throw new BuildException(string.Join(' ', missing));
            var device = new LeasedDevice(server, lease, options, time);
            var build = new Build(time)
            {
                Measured = lease.Measured ?? [],
                Timer = device.Time,
            };
            var result = await DedicatedThread.RunAsync(
                $"build {lease.BuildId}", () => build.Run(lease.Spec, path, progress, cancellationToken));
            foreach (var (artifact, file) in result.Artifacts)
                await PersistAsync($"upload {artifact.Name}",
                    token => server.UploadAsync(artifact, file, token), cancellationToken);
            var request = new CompleteRequest(lease.LeaseId, result.Report, result.Page);
            // Not given up with the lease: taking the result is what ends it, and the answer may still be on its way.
            await PersistAsync("hand the result over",
                token => server.CompleteAsync(lease.BuildId, request, token), stoppingToken);
            LogBuilt(lease.BuildId, result.Report.Duration, result.Report.Student.Scores.Accuracy);
        }
        catch (Exception e) when (e is not (OperationCanceledException or LeaseLostException))
        {
            // What an operator gave wrong reads as a sentence; anything else is ours, and its trace stays in this log.
            var reason = e is BuildException ? e.Message : $"The worker failed at '{progress.Value.Step}': {e.GetType().Name}: {e.Message}";
            LogFailed(lease.BuildId, reason, e is BuildException ? null : e);
            await PersistAsync("report the failure",
                token => server.FailAsync(lease.BuildId, new FailRequest(lease.LeaseId, Limits.Detail(reason)), token), stoppingToken);
        }
    }

    private Task<bool> PersistAsync(string what, Func<CancellationToken, Task> call, CancellationToken cancellationToken)
        => PersistAsync(what, async token =>
        {
            await call(token);
            return true;
        }, cancellationToken);

    /// <summary>Tries until the server answers. What it refuses for good is not tried again.</summary>
    private async Task<T> PersistAsync<T>(string what, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                return await call(cancellationToken);
            }
            catch (HttpRequestException e)
            {
                var delay = Backoff.Next(Random.Shared, failures, options.FirstRetry, options.MaximumRetry);
                LogUnreachable(options.Server, what, e.Message, delay);
                await Task.Delay(delay, time, cancellationToken);
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "Worker {Name} takes builds from {Server}")]
    private partial void LogReady(string name, Uri server);

    [LoggerMessage(LogLevel.Information, "Worker {Name} stopped")]
    private partial void LogStopped(string name);

    [LoggerMessage(LogLevel.Information, "Build {Build} of {Model} begins")]
    private partial void LogLeased(string build, string model);

    [LoggerMessage(LogLevel.Information, "Build {Build} was accepted after {Duration}, the student's accuracy is {Accuracy}")]
    private partial void LogBuilt(string build, TimeSpan duration, double? accuracy);

    [LoggerMessage(LogLevel.Warning, "Build {Build} is given up: {Reason}")]
    private partial void LogLost(string build, string reason);

    [LoggerMessage(LogLevel.Error, "Build {Build} failed: {Reason}")]
    private partial void LogFailed(string build, string reason, Exception? exception);

    [LoggerMessage(LogLevel.Error, "{Server} refuses this worker: {Reason}. Check --server and --key-file")]
    private partial void LogRefused(Uri server, string reason);

    [LoggerMessage(LogLevel.Warning, "{Server} could not be reached to {What} ({Reason}); next try in {Delay}")]
    private partial void LogUnreachable(Uri server, string what, string reason, TimeSpan delay);
}
