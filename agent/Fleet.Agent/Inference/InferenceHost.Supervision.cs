using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>The part that starts, watches and restarts the process.</summary>
internal sealed partial class InferenceHost
{
    private async Task SuperviseAsync()
    {
        try
        {
            while (true)
            {
                if (_process is { } process) await BeatAsync(process);
                else await Task.Delay(DelayAfter(_deathsInARow), time, _stopping.Token);

                await _gate.WaitAsync(_stopping.Token);
                try
                {
                    if (_process is { } ended && ended.Exited.IsCompleted) await EndedAsync(ended);
                    else if (_process is null && IsNeeded) await RunningAsync(_stopping.Token);
                    if (_process is null && !IsNeeded)
                    {
                        _supervised = false;
                        return;
                    }
                }
                catch (Exception e) when (e is HostDiedException or ActivationException)
                {
                    if (_process is null) _deathsInARow++;
                    LogNotStarted(e.Message);
                }
                finally
                {
                    _gate.Release();
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The agent ends.
        }
    }

    /// <summary>Asks for statistics again and again until the process ends; one that does not answer is killed.</summary>
    private async Task BeatAsync(HostProcess process)
    {
        while (await Task.WhenAny(process.Exited, Task.Delay(options.HeartBeat, time, _stopping.Token)) != process.Exited)
        {
            _stopping.Token.ThrowIfCancellationRequested();
            try
            {
                await process.SendAsync(new HostCommand(0, Drain: true), _stopping.Token)
                    .WaitAsync(options.HeartBeatDeadline, time, _stopping.Token);
            }
            catch (TimeoutException)
            {
                LogHung(process.Id, options.HeartBeatDeadline);
                process.Kill();
            }
            catch (HostDiedException)
            {
                // The loop ends on it.
            }
        }
    }

    /// <summary>Records that a process has ended. The caller holds the gate.</summary>
    private async Task EndedAsync(HostProcess process)
    {
        (_process, Address) = (null, null);
        if (options.EndpointsFile is { } file) File.Delete(file);
        await process.DisposeAsync();
        var loading = _loading;
        _loading = [];
        if (_stopping.IsCancellationRequested || (!IsNeeded && loading.Count == 0)) return;

        var exit = await process.Exited;
        _deathsInARow = time.GetElapsedTime(_startedAt) < options.StableAfter ? _deathsInARow + 1 : 1;
        LogDied(process.Id, exit.ToString(), DelayAfter(_deathsInARow));
        foreach (var placement in _placements.Values.Where(placement => loading.Count == 0 || loading.Contains(placement.Model)))
        {
            if (loading.Count > 0) placement.DeathsWhileLoading++;
            var deaths = placement.DeathsWithin(options.DeathWindow, time);
            if (deaths >= options.DeathsToGiveUp)
            {
                placement.GiveUp(
                    $"The inference host died {deaths} times since {placement.Model.Name()} was activated; the last time it {exit}.");
            }
        }
    }

    private TimeSpan DelayAfter(int deathsInARow) => Backoff.Bound(deathsInARow, options.RestartDelay, options.MaximumRestartDelay);

    private void Received(HostReply reply)
    {
        if (reply.Statistics is { } statistics) _ledger.Add(statistics);
    }

    [LoggerMessage(LogLevel.Error, "The inference host (process {ProcessId}) {Exit}; it restarts in {Delay}.")]
    private partial void LogDied(int processId, string exit, TimeSpan delay);

    [LoggerMessage(LogLevel.Error, "The inference host did not start: {Reason}")]
    private partial void LogNotStarted(string reason);

    [LoggerMessage(LogLevel.Error, "The inference host (process {ProcessId}) did not answer within {Deadline} and is killed.")]
    private partial void LogHung(int processId, TimeSpan deadline);
}
