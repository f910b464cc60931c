using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>The part that starts the process and loads its models again.</summary>
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

        var process = Begin();
        try
        {
            Address = await process.ListensAsync(cancellationToken).WaitAsync(options.StartDeadline, time, cancellationToken);
        }
        catch (Exception e)
        {
            await process.DisposeAsync();
            if (e is not TimeoutException) throw;
            throw new ActivationException($"The inference host did not listen within {options.StartDeadline}.", e) { HasNoHost = true };
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

    /// <summary>Starts the process.</summary>
    /// <exception cref="ActivationException">The device has no memory or no process left for it, for example.</exception>
    private HostProcess Begin()
    {
        try
        {
            return new HostProcess(_port, options.Socket, Received, logger);
        }
        catch (Exception e)
        {
            throw new ActivationException($"The inference host could not be started: {e.Message}.", e) { HasNoHost = true };
        }
    }

    private async Task ReloadAsync(HostProcess process, CancellationToken cancellationToken)
    {
        foreach (var (model, because) in _explained)
            await process.SendAsync(new HostCommand(0, Retire: model, Because: because), cancellationToken);
        // Models that have killed the host before come last, so that the others do not wait for them, and of the others the suspects: one
        // that kills it as soon as it serves would have whatever is loading then blamed for it.
        foreach (var placement in _placements.Values.OrderBy(placement => placement.DeathsWhileLoading).ThenBy(placement => placement.Place)
            .ToArray())
        {
            if (!IsLoaded(placement)) continue;
            try
            {
                await LoadAsync(process, [placement.Model], cancellationToken);
            }
            catch (ActivationException e)
            {
                LogNotReloaded(placement.Model.Name(), e.Message);
            }
        }
    }

    private void WriteEndpoints(string address)
    {
        if (options.EndpointsFile is not { } file) return;
        // Renamed into place: a reader sees the whole file or none.
        var endpoints = new HostEndpoints(address, options.Socket);
        try
        {
            File.WriteAllBytes(file + ".new", JsonSerializer.SerializeToUtf8Bytes(endpoints, HostJson.Default.HostEndpoints));
            File.Move(file + ".new", file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk: what serves is worth more than the file that says where.
            LogNoEndpoints(file, e.Message);
        }
    }

    private void DeleteEndpoints()
    {
        if (options.EndpointsFile is not { } file) return;
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A disk that can only be read, for example: the next host listens at the same address.
            LogStaleEndpoints(file, e.Message);
        }
    }

    [LoggerMessage(LogLevel.Information, "The inference host (process {ProcessId}) listens at {Address}.")]
    private partial void LogStarted(int processId, string address);

    [LoggerMessage(LogLevel.Error, "{File} could not be written, and models serve without it: {Reason}")]
    private partial void LogNoEndpoints(string file, string reason);

    [LoggerMessage(LogLevel.Error, "{File} could not be deleted, and names a host that does not listen: {Reason}")]
    private partial void LogStaleEndpoints(string file, string reason);

    [LoggerMessage(LogLevel.Error, "{Model} could not be loaded again: {Reason}")]
    private partial void LogNotReloaded(string model, string reason);
}
