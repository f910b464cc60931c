using System.Diagnostics;
using Fleet.Platform;

namespace Fleet.Server.Builds;

/// <summary>Where a local worker finds its server.</summary>
/// <param name="Server">Address of the operators' API.</param>
/// <param name="KeyFile">File with the worker's API key.</param>
/// <param name="DataFolder">Folder the workers keep their data in.</param>
internal sealed record WorkerSurroundings(Uri Server, string KeyFile, string DataFolder);

/// <summary>
/// Runs the build workers of this machine as child processes: half a gigabyte of native code that may run out of memory or abort
/// stays out of the server. A worker that dies is started again, later each time; its build goes to the next lease.
/// </summary>
internal sealed partial class WorkerHost(BuildsOptions options, TimeProvider time, ILogger<WorkerHost> logger)
{
    /// <summary>Keeps <paramref name="count"/> workers running until cancelled; none is left when it returns.</summary>
    public async Task RunAsync(int count, WorkerSurroundings surroundings, CancellationToken cancellationToken)
    {
        if (count == 0) return;
        if ((options.WorkerProgram ?? SiblingProgram.Find("Fleet.Modeling", "fleet-modeling")) is not { } program)
        {
            LogMissing(AppContext.BaseDirectory);
            return;
        }
        await Task.WhenAll(Enumerable.Range(1, count).Select(number => KeepRunningAsync(program, number, surroundings, cancellationToken)));
    }

    private async Task KeepRunningAsync(string program, int number, WorkerSurroundings surroundings, CancellationToken cancellationToken)
    {
        var failures = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            var started = time.GetTimestamp();
            var delay = Backoff.Bound(++failures, options.WorkerRestartDelay, options.WorkerMaximumRestartDelay);
            try
            {
                LogEnded(number, await RunOnceAsync(program, number, surroundings, cancellationToken), delay);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException or InvalidOperationException)
            {
                LogNotStarted(number, program, delay, e);
            }
            // One that ran for a while died of its build, not of its surroundings: the one after the next may start soon again.
            if (time.GetElapsedTime(started) > options.WorkerMaximumRestartDelay) failures = 0;
            try
            {
                await Task.Delay(delay, time, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<int> RunOnceAsync(string program, int number, WorkerSurroundings surroundings, CancellationToken cancellationToken)
    {
        var data = Path.Combine(surroundings.DataFolder, $"{number}");
        Directory.CreateDirectory(data);
        var start = new ProcessStartInfo(program)
        {
            ArgumentList = { "worker", "--server", surroundings.Server.ToString(), "--key-file", surroundings.KeyFile, "--data", data },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Read by native code when it is loaded, so it must be there before the process is: no telemetry from ONNX Runtime,
            // and OpenMP threads that sleep instead of spinning while they wait.
            Environment = { ["ORT_DISABLE_TELEMETRY"] = "1", ["OMP_WAIT_POLICY"] = "PASSIVE" },
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started.");
        LogStarted(number, process.Id);
        var output = Task.WhenAll(ForwardAsync(number, process.StandardOutput), ForwardAsync(number, process.StandardError));
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        finally
        {
            await StopAsync(number, process);
            // What a worker started and left behind may hold its output open; nobody waits for that.
            await Task.WhenAny(output, Task.Delay(options.WorkerStopTime, time, CancellationToken.None));
        }
        return process.ExitCode;
    }

    /// <summary>Ends a worker: politely, then not. Its build is leased again by whoever asks next.</summary>
    private async Task StopAsync(int number, Process process)
    {
        if (process.HasExited) return;
        process.StandardInput.Close();
        _ = ProcessSignals.Send(process.Id, ProcessSignal.Terminate);
        using var patience = new CancellationTokenSource(options.WorkerStopTime, time);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            LogKilled(number, options.WorkerStopTime);
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private async Task ForwardAsync(int number, StreamReader lines)
    {
        while (await lines.ReadLineAsync() is { } line)
            LogLine(number, line.Length <= 4000 ? line : line[..4000]);
    }

    [LoggerMessage(LogLevel.Warning, "fleet-modeling was not found beside {Folder} or on PATH: no local worker is started, and builds "
        + "wait for a worker elsewhere")]
    private partial void LogMissing(string folder);

    [LoggerMessage(LogLevel.Information, "Worker {Number} runs as process {Process}")]
    private partial void LogStarted(int number, int process);

    [LoggerMessage(LogLevel.Information, "Worker {Number}: {Line}")]
    private partial void LogLine(int number, string line);

    [LoggerMessage(LogLevel.Warning, "Worker {Number} ended with code {Code}; it is started again in {Delay}")]
    private partial void LogEnded(int number, int code, TimeSpan delay);

    [LoggerMessage(LogLevel.Error, "Worker {Number} could not be started as {Program}; it is tried again in {Delay}")]
    private partial void LogNotStarted(int number, string program, TimeSpan delay, Exception exception);

    [LoggerMessage(LogLevel.Warning, "Worker {Number} did not stop within {Patience} and was killed")]
    private partial void LogKilled(int number, TimeSpan patience);
}
