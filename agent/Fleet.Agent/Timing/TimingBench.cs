using Fleet.Agent.Deployment;
using Fleet.Agent.Orders;
using Fleet.Agent.Shelf;
using Fleet.Agent.Validation;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Timing;

/// <summary>
/// Times files for builds, one at a time, as an order says: in the process that validates, at a lower priority, and not while anything is
/// deployed. What serves is not touched; what cannot be timed is an answer as well.
/// </summary>
internal sealed partial class TimingBench(
    OrderedTimings timings, ArtifactShelf shelf, ArtifactDownload download, ShelfOptions options, ValidationRunner runner,
    DeploymentRun deployments, StateReport report, TimeProvider time, ILogger<TimingBench> logger)
    : BackgroundService
{
    /// <summary>How long both files may take to arrive: whoever asks goes on without an answer soon after.</summary>
    private static readonly TimeSpan FetchTime = TimeSpan.FromSeconds(60);

    private const string Busy = "A deployment runs on this device.";

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            if (timings.Next(out var changed) is not { } timing || !await FinishAsync(timing, stoppingToken))
                await changed.WaitAsync(stoppingToken);
        }
    }

    /// <summary>Times a file and keeps what came of it. What goes wrong with that ends neither the agent nor what serves.</summary>
    /// <returns>False when it could not be kept: whoever asks stops waiting, and nothing is tried until another order comes.</returns>
    private async Task<bool> FinishAsync(OrderedTiming timing, CancellationToken stoppingToken)
    {
        try
        {
            var answer = await AnswerAsync(timing, stoppingToken);
            LogTimed(
                timing.Timed.Model.Name, timing.Build, answer.Problem ?? $"{answer.Latency!.P95.TotalMilliseconds:0.000} ms (p95)");
            timings.Answer(answer);
            report.Send();
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            LogNotKept(timing.Build, e.Message);
            return false;
        }
        finally
        {
            // Behind the answer, which it must not replace; what it leaves the next deployment removes.
            try { deployments.Tidy(); }
            catch (Exception e) when (e is not OutOfMemoryException) { LogNotTidied(timing.Build, e.Message); }
        }
    }

    private async Task<ReportedTiming> AnswerAsync(OrderedTiming timing, CancellationToken stoppingToken)
    {
        var said = new ReportedTiming(timing.Build, timing.Timed.Model.Sha256);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        void Stop()
        {
            try
            {
                stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It has ended meanwhile.
            }
        }
        deployments.Began += Stop;
        try
        {
            if (deployments.IsRunning) return said with { Problem = Busy };
            shelf.Lend(timing.Timed.Model.Sha256, timing.Timed.Samples.Sha256);
            if (await FetchAsync(timing.Timed, stop.Token) is { } problem) return said with { Problem = problem };
            var outcome = await runner.TimeAsync(
                $"{timing.Timed.Model.Name} of build {timing.Build}", shelf.PathOf(timing.Timed.Model), shelf.PathOf(timing.Timed.Samples),
                timing.Timed.Runtime, stop.Token);
            return outcome.Scores?.Latency is { } latency
                ? said with { Latency = latency, ProcessorTime = outcome.ProcessorTime }
                : said with { Problem = outcome.Detail };
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            return said with { Problem = Busy };
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return said with { Problem = Limits.Detail(e.Message) };
        }
        finally
        {
            deployments.Began -= Stop;
            shelf.Lend();
        }
    }

    /// <summary>Brings both files onto the shelf; the reason where that cannot be.</summary>
    private async Task<string?> FetchAsync(TimedFile file, CancellationToken cancellationToken)
    {
        ArtifactReference[] files = [file.Model, file.Samples];
        var (missing, free) = (files.Sum(artifact => artifact.Bytes - shelf.BytesOf(artifact)), shelf.FreeBytes());
        if (missing + options.ReservedBytes > free)
            return $"{missing:N0} bytes must be fetched and {options.ReservedBytes:N0} stay reserved; the disk has only {free:N0} free.";
        using var patience = new CancellationTokenSource(FetchTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            foreach (var artifact in files)
            {
                await download.FetchAsync(artifact, _ => { }, either.Token);
                if (!await shelf.HoldsAsync(artifact, either.Token))
                    return $"{artifact.Name} on this device's disk is not what was signed ({artifact.Sha256}); it was removed.";
            }
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return $"The files did not arrive within {FetchTime.TotalSeconds:0} s.";
        }
    }

    [LoggerMessage(LogLevel.Information, "{File} was timed for build {Build}: {Answer}")]
    private partial void LogTimed(string file, string build, string answer);

    [LoggerMessage(LogLevel.Warning, "What was timed for build {Build} could not be kept, and is not reported: {Reason}")]
    private partial void LogNotKept(string build, string reason);

    [LoggerMessage(LogLevel.Warning, "What was fetched for build {Build} could not be removed yet: {Reason}")]
    private partial void LogNotTidied(string build, string reason);
}
