using Fleet.Agent.Children;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>The part that starts, watches and restarts the process.</summary>
internal sealed partial class InferenceHost
{
    /// <summary>Keeps the host running for as long as it is needed: whatever goes wrong, the next try comes.</summary>
    private async Task SuperviseAsync()
    {
        while (true)
        {
            try
            {
                if (_process is { } process) await BeatAsync(process);
                else await Task.Delay(DelayAfter(_deathsInARow), time, _stopping.Token);
                if (!await SeeToAsync()) return;
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return; // The agent ends.
            }
            catch (Exception e)
            {
                if (_process is null) _deathsInARow++;
                LogNotStarted(e.Message);
            }
        }
    }

    /// <summary>Takes note of a process that has ended, or starts one.</summary>
    /// <returns>False when none is needed any more.</returns>
    private async Task<bool> SeeToAsync()
    {
        await _gate.WaitAsync(_stopping.Token);
        try
        {
            if (_process is { } ended && ended.Exited.IsCompleted) await EndedAsync(ended);
            else if (_process is null && IsNeeded) await RunningAsync(_stopping.Token);
            return _supervised = _process is not null || IsNeeded;
        }
        finally
        {
            _gate.Release();
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
        DeleteEndpoints();
        await process.DisposeAsync();
        var loading = _loading;
        _loading = [];
        if (_stopping.IsCancellationRequested || (!IsNeeded && loading.Count == 0)) return;

        var exit = await process.Exited;
        _deathsInARow = time.GetElapsedTime(_startedAt) < options.StableAfter ? _deathsInARow + 1 : 1;
        LogDied(process.Id, exit.ToString(), DelayAfter(_deathsInARow));
        if (loading.Count > 0) BlameLoading(loading, exit);
        else BlameNewest(exit);
    }

    /// <summary>A death while a model loads is that model's.</summary>
    private void BlameLoading(IReadOnlyList<ServedModel> loading, ChildExit exit)
    {
        foreach (var placement in _placements.Values.Where(placement => loading.Contains(placement.Model)))
        {
            placement.DeathsWhileLoading++;
            if (placement.DeathsWithin(options.DeathWindow, time) >= options.DeathsToGiveUp) GiveUp(placement, exit);
        }
    }

    /// <summary>
    /// Of several models that were there at each of too many deaths, the one that came last gives way: what served before it goes on, and
    /// is suspected only if the host goes on dying without it.
    /// </summary>
    private void BlameNewest(ChildExit exit)
    {
        // Until one that was given up has left, it is the one.
        if (_placements.Values.Any(placement => placement.GivenUp.IsCompleted && IsLoaded(placement))) return;
        var suspects = _placements.Values.Where(IsLoaded)
            .Where(placement => placement.DeathsWithin(options.DeathWindow, time) >= options.DeathsToGiveUp).ToList();
        if (suspects.Count == 0) return;
        var newest = suspects.Max(placement => placement.Place);
        foreach (var placement in suspects)
        {
            if (placement.Place == newest) GiveUp(placement, exit);
            else placement.ForgetDeaths();
        }
    }

    private static void GiveUp(Placement placement, ChildExit exit) => placement.GiveUp(
        $"The inference host died {placement.Deaths} times since {placement.Model.Name()} was activated; the last time it {exit}.");

    /// <summary>False once it killed the host too often while it loaded: it is not loaded again.</summary>
    private bool IsLoaded(Placement placement) => placement.DeathsWhileLoading < options.DeathsToGiveUp;

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
