using System.Text.Json;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>The part that starts, watches and restarts the process.</summary>
internal sealed partial class InferenceHost
{
    private bool _supervised;

    /// <summary>The running process; starts and loads one first if necessary. The caller holds the gate.</summary>
    private async Task<HostProcess> RunningAsync(CancellationToken cancellationToken)
    {
        if (_process is { Stopping: false, Exited.IsCompleted: false } running) return running;
        if (_process is { } ending)
        {
            await ending.Exited.WaitAsync(cancellationToken);
            await EndedAsync(ending);
        }

        var process = new HostProcess(_port, options.Socket, Received, logger);
        try
        {
            Address = await process.ListensAsync(cancellationToken).WaitAsync(options.StartDeadline, time, cancellationToken);
        }
        catch (Exception e)
        {
            await process.DisposeAsync();
            if (e is not TimeoutException) throw;
            throw new ActivationException($"The inference host did not listen within {options.StartDeadline}.", e);
        }
        // Applications keep the address they were told: every later process listens there too.
        _port = new Uri(Address).Port;
        (_process, _startedAt) = (process, time.GetTimestamp());
        WriteEndpoints(Address);
        LogStarted(process.Id, Address);
        if (!_supervised)
        {
            _supervised = true;
            _supervision = Task.Run(SuperviseAsync, CancellationToken.None);
        }
        await ReloadAsync(process, cancellationToken);
        return process;
    }

    private async Task ReloadAsync(HostProcess process, CancellationToken cancellationToken)
    {
        // Models that have killed the host before come last, so that the others do not wait for them.
        foreach (var placement in _placements.Values.OrderBy(placement => placement.DeathsWhileLoading).ToArray())
        {
            if (placement.DeathsWhileLoading >= options.DeathsToGiveUp) continue;
            try
            {
                await LoadAsync(process, placement.Model, cancellationToken);
            }
            catch (ActivationException e)
            {
                LogNotReloaded(placement.Model.Name(), e.Message);
            }
        }
    }

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
                    else if (_process is null && _placements.Count > 0) await RunningAsync(_stopping.Token);
                    if (_process is null && _placements.Count == 0)
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
        _loading = null;
        if (_stopping.IsCancellationRequested || (_placements.Count == 0 && loading is null)) return;

        var exit = await process.Exited;
        _deathsInARow = time.GetElapsedTime(_startedAt) < options.StableAfter ? _deathsInARow + 1 : 1;
        LogDied(process.Id, exit.ToString(), DelayAfter(_deathsInARow));
        foreach (var placement in _placements.Values.Where(placement => loading is null || placement.Model == loading))
        {
            if (loading is not null) placement.DeathsWhileLoading++;
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

    private void WriteEndpoints(string address)
    {
        if (options.EndpointsFile is not { } file) return;
        // Renamed into place: a reader sees the whole file or none.
        var endpoints = new HostEndpoints(address, options.Socket);
        File.WriteAllBytes(file + ".new", JsonSerializer.SerializeToUtf8Bytes(endpoints, HostJson.Default.HostEndpoints));
        File.Move(file + ".new", file, overwrite: true);
    }

    [LoggerMessage(LogLevel.Information, "The inference host (process {ProcessId}) listens at {Address}.")]
    private partial void LogStarted(int processId, string address);

    [LoggerMessage(LogLevel.Error, "The inference host (process {ProcessId}) {Exit}; it restarts in {Delay}.")]
    private partial void LogDied(int processId, string exit, TimeSpan delay);

    [LoggerMessage(LogLevel.Error, "The inference host did not start: {Reason}")]
    private partial void LogNotStarted(string reason);

    [LoggerMessage(LogLevel.Error, "{Model} could not be loaded again: {Reason}")]
    private partial void LogNotReloaded(string model, string reason);

    [LoggerMessage(LogLevel.Error, "The inference host (process {ProcessId}) did not answer within {Deadline} and is killed.")]
    private partial void LogHung(int processId, TimeSpan deadline);

    /// <summary>One model that should serve, and how often the host died with it.</summary>
    private sealed class Placement(ServedModel model)
    {
        private readonly TaskCompletionSource<string> _givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly List<long> _deaths = [];

        public ServedModel Model { get; } = model;

        public int DeathsWhileLoading { get; set; }

        /// <summary>Completes with a sentence when the host died too often since the model was activated.</summary>
        public Task<string> GivenUp => _givenUp.Task;

        /// <summary>Records one more death and returns how many lie within the window.</summary>
        public int DeathsWithin(TimeSpan window, TimeProvider time)
        {
            _deaths.Add(time.GetTimestamp());
            _deaths.RemoveAll(death => time.GetElapsedTime(death) > window);
            return _deaths.Count;
        }

        public void GiveUp(string reason) => _givenUp.TrySetResult(reason);
    }
}
