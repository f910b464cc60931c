using Fleet.Contracts.Telemetry;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>
/// Keeps the inference host alive: a child process that owns ONNX Runtime. It starts when the first model is activated, restarts with
/// everything that was active when it dies or hangs, and stops when the last model is retired and none is explained.
/// </summary>
internal sealed partial class InferenceHost(InferenceOptions options, TimeProvider time, ILogger<InferenceHost> logger) : IAsyncDisposable
{
    private readonly Dictionary<string, Placement> _placements = [];
    /// <summary>Models that do not serve, and what applications that ask for them are told.</summary>
    private readonly Dictionary<string, string> _explained = [];
    private readonly StatisticsLedger _ledger = new();
    private readonly CancellationTokenSource _stopping = new();
    /// <summary>Held while the process or the placements change.</summary>
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile HostProcess? _process;
    private Task _supervision = Task.CompletedTask;
    /// <summary>The models that are loading; they stay here when the host died meanwhile.</summary>
    private IReadOnlyList<ServedModel> _loading = [];
    private int _port = options.Port;
    private int _deathsInARow;
    /// <summary>Places of the model that was activated last, and of the one that was restored last: before all others.</summary>
    private long _newest, _oldest;
    private long _startedAt;

    /// <summary>Where applications reach the host, <c>http://127.0.0.1:P</c>; null while it does not listen.</summary>
    public string? Address { get; private set; }

    /// <summary>The host's process; null while there is none.</summary>
    public int? ProcessId => _process?.Id;

    private bool IsNeeded => _placements.Count > 0 || _explained.Count > 0;

    /// <summary>
    /// Loads <paramref name="models"/> beside what serves, warms them up and swaps them in together. No request is dropped.
    /// </summary>
    /// <exception cref="ActivationException">One could not be loaded. What served before still serves, of all of them.</exception>
    public Task ActivateAsync(IReadOnlyList<ServedModel> models, CancellationToken cancellationToken)
        => ServeAsync(models, isProven: false, cancellationToken);

    /// <summary>
    /// Does the same with models that have served on this device before: if the host goes on dying, they are suspected last, and of
    /// several the one that was restored first goes first.
    /// </summary>
    /// <exception cref="ActivationException">One could not be loaded. What served before still serves, of all of them.</exception>
    public Task RestoreAsync(IReadOnlyList<ServedModel> models, CancellationToken cancellationToken)
        => ServeAsync(models, isProven: true, cancellationToken);

    private async Task ServeAsync(IReadOnlyList<ServedModel> models, bool isProven, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var process = await RunningAsync(cancellationToken);
            await LoadAsync(process, models, cancellationToken);
            var place = isProven ? --_oldest : ++_newest;
            foreach (var model in models)
            {
                _placements[model.Model] = new Placement(model, place);
                _explained.Remove(model.Model);
                LogActivated(model.Name(), Address);
            }
        }
        catch (HostDiedException e)
        {
            throw new ActivationException($"The inference host {e.Exit} while it took {NamesOf(models)} over.", e);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Takes a model out of service; with the last one the host itself ends, and nobody is told why.</summary>
    public async Task RetireAsync(string model, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var isKnown = _placements.Remove(model) | _explained.Remove(model);
            if (!isKnown || _process is not { } process) return;
            LogRetired(model);
            if (!IsNeeded) process.Stop();
            else await process.SendAsync(new HostCommand(0, Retire: model), cancellationToken);
        }
        catch (HostDiedException)
        {
            // It will not be loaded again.
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// Takes a model out of service, and tells applications why for as long as it stays so: the host runs for that alone if need be.
    /// </summary>
    public async Task ExplainAsync(string model, string because, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            _explained[model] = because;
            if (_placements.Remove(model)) LogRetired(model);
            var process = await RunningAsync(cancellationToken);
            await process.SendAsync(new HostCommand(0, Retire: model, Because: because), cancellationToken);
        }
        catch (Exception e) when (e is HostDiedException or ActivationException)
        {
            LogNotStarted(e.Message); // The next process is told as soon as it listens.
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Statistics since the last drain, of every variant that answered a request since then.</summary>
    public async Task<IReadOnlyList<InferenceStats>> DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_process is { } process)
                await process.SendAsync(new HostCommand(0, Drain: true), cancellationToken)
                    .WaitAsync(options.HeartBeatDeadline, time, cancellationToken);
        }
        catch (Exception e) when (e is HostDiedException or TimeoutException)
        {
            // Supervision acts on it; what was received before is still here.
        }
        return _ledger.Drain();
    }

    /// <summary>
    /// Waits until the host has died <see cref="InferenceOptions.DeathsToGiveUp"/> times within <see cref="InferenceOptions.DeathWindow"/>,
    /// all of them since <paramref name="model"/> was activated, and returns that as a sentence. Which of several models killed it is not
    /// always known: a death while one loads is that model's; of those that were there at all others, the one that came last gives way.
    /// </summary>
    public async Task<string> DiesRepeatedlyAsync(string model, CancellationToken cancellationToken)
    {
        Placement? placement;
        await _gate.WaitAsync(cancellationToken);
        try
        {
            placement = _placements.GetValueOrDefault(model);
        }
        finally
        {
            _gate.Release();
        }
        return placement is null
            ? throw new InvalidOperationException($"Model {model} is not active; activate it before watching it.")
            : await placement.GivenUp.WaitAsync(cancellationToken);
    }

    /// <summary>Ends the host after it has finished the requests it is answering.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _gate.WaitAsync();
        try
        {
            if (_process is { } process)
            {
                process.Stop();
                await Task.WhenAny(process.Exited, Task.Delay(options.HeartBeatDeadline, time));
                await EndedAsync(process);
            }
        }
        finally
        {
            _gate.Release();
        }
        await _supervision;
        _stopping.Dispose();
        _gate.Dispose();
    }

    private async Task LoadAsync(HostProcess process, IReadOnlyList<ServedModel> models, CancellationToken cancellationToken)
    {
        _loading = models;
        try
        {
            var reply = await process.SendAsync(new HostCommand(0, Load: models), cancellationToken)
                .WaitAsync(options.LoadDeadline * models.Count, time, cancellationToken);
            _loading = [];
            if (reply.Error is { } error) throw new ActivationException(error) { Model = reply.Refused };
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            // A load cannot be taken back, and a host that swapped it in after all would serve what the agent does not know about.
            process.Kill();
            cancellationToken.ThrowIfCancellationRequested();
            throw new ActivationException($"{NamesOf(models)} did not load within {options.LoadDeadline * models.Count}.", e);
        }
    }

    private static string NamesOf(IReadOnlyList<ServedModel> models) => string.Join(" and ", models.Select(model => model.Name()));

    [LoggerMessage(LogLevel.Information, "{Model} serves at {Address}.")]
    private partial void LogActivated(string model, string? address);

    [LoggerMessage(LogLevel.Information, "{Model} is taken out of service.")]
    private partial void LogRetired(string model);
}
