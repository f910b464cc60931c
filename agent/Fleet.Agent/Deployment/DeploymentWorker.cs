using Fleet.Agent.Inference;
using Fleet.Agent.Orders;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>
/// Brings the device to its desired state. Level-triggered: whatever arrives, and however the agent ended, it compares what is wanted with
/// what the journals say and does what is missing. Each model is deployed by itself, or with those that its order groups it with, so that
/// no order waits for another's download or watch; only measuring and switching take turns.
/// </summary>
internal sealed partial class DeploymentWorker(
    DesiredSlot slot,
    OrderGate gate,
    DesiredFile desiredFile,
    Journals journals,
    Serving serving,
    DeploymentRun run,
    StateReport report,
    InferenceHost host,
    WithdrawnReleases withdrawn,
    ILogger<DeploymentWorker> logger) : BackgroundService
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    /// <summary>The deployments on their way. Only the worker's own loop touches it.</summary>
    private readonly List<Running> _running = [];

    /// <summary>Models whose deployments were stopped before their end, until what served before them serves again.</summary>
    private readonly HashSet<string> _stopped = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        gate.Refused += report.Send;
        report.Send(); // The link has something to say as soon as it stands.
        await serving.ResumeAsync(stoppingToken);
        run.Tidy();
        report.Send();
        if (desiredFile.Accepted is { } accepted) slot.Set(accepted);
        try
        {
            while (true)
            {
                await AwaitOrderAsync(stoppingToken);
                if (slot.Take() is not { } desired) continue;
                try
                {
                    await ConvergeAsync(desired, stoppingToken);
                    gate.Begun();
                }
                catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
                {
                    await TryAgainAsync(e, desired, stoppingToken);
                }
            }
        }
        finally
        {
            // When the agent has ended, nothing writes to the journals any more.
            await EndAsync([.. _running]);
            NoteStopped();
        }
    }

    /// <summary>
    /// Waits for a desired state, and sees to what happens meanwhile: a deployment that ends, and a release that stops working and gives
    /// way to the previous one, also while a deployment is on its way that has not touched it yet.
    /// </summary>
    private async Task AwaitOrderAsync(CancellationToken cancellationToken)
    {
        while (slot.Newest is null)
        {
            using var awake = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var changed = slot.ChangedAsync(null, awake.Token);
            var dying = journals.All.Values.Where(journal => journal.Active is not null && !IsSwitching(journal))
                .ToDictionary(journal => (Task)host.DiesRepeatedlyAsync(journal.Model, awake.Token));
            Task[] ending = [.. _running.Select(running => running.Task)];
            var first = await Task.WhenAny([changed, .. ending, .. dying.Keys]);
            // A model that the host does not know could not be served; there is nothing to watch until its next deployment.
            while (first.IsFaulted && dying.Remove(first)) first = await Task.WhenAny([changed, .. ending, .. dying.Keys]);
            await awake.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
            await SeeToAsync(first, dying.GetValueOrDefault(first), cancellationToken);
        }
    }

    /// <summary>Sees to a release that died, or to a deployment that ended.</summary>
    private async Task SeeToAsync(Task first, ModelJournal? dying, CancellationToken cancellationToken)
    {
        try
        {
            if (dying is not null)
            {
                // By now a deployment may have begun to switch: then it was what that brought which died, and it restores what served.
                if (!IsSwitching(journals.Of(dying.Model))) await FallBackAsync(dying.Model, await (Task<string>)first, cancellationToken);
            }
            else if (_running.FirstOrDefault(running => running.Task == first) is { } ended)
            {
                await StopAsync(ended, cancellationToken);
                await ended.Task;
            }
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            if (desiredFile.Accepted is { } accepted) await TryAgainAsync(e, accepted, cancellationToken);
        }
    }

    /// <summary>
    /// Lets a release that no longer works give way. Deployments of those that give way with it stop for it, and go on afterwards.
    /// </summary>
    private async Task FallBackAsync(string fallen, string reason, CancellationToken cancellationToken)
    {
        var together = serving.Together(fallen).Select(journal => journal.Model).ToHashSet(StringComparer.Ordinal);
        await EndAsync([.. _running.Where(running => running.Models.Any(together.Contains))]);
        await serving.FallBackAsync(fallen, _stopped, reason, cancellationToken);
        report.Send();
        if (_stopped.Count > 0 && desiredFile.Accepted is { } accepted && slot.Newest is null) slot.Set(accepted);
        _stopped.Clear();
    }

    private async Task ConvergeAsync(DesiredState desired, CancellationToken cancellationToken)
    {
        await SettleAsync(cancellationToken);
        if (desired.Place() < desiredFile.Place)
        {
            LogOutdated(desired.Place(), desiredFile.Place);
            report.Send();
            return;
        }
        await HeedWithdrawalsAsync(desired, cancellationToken);
        // At the same place, the order of the server takes the place of what was carried here in a file meanwhile.
        if (desired.Place() > desiredFile.Place || !desired.Ordered().SequenceEqual(desiredFile.Accepted?.Ordered() ?? []))
        {
            LogAccepted(desired.Revision, desired.Assignments.Count);
            desiredFile.Accept(desired);
        }
        foreach (var unwanted in _running.Where(one => Reconciliation.GivesWay(one.Group, desired)).ToArray())
        {
            LogSuperseded(unwanted.Models[0], desired.Revision);
            await StopAsync(unwanted, cancellationToken);
        }

        // Every model is opened before the first runs, so that the report for this revision does not show how an older one ended.
        var (found, work) = (journals.All, new List<(DeploymentGroup Group, DeploymentGroup Work)>());
        foreach (var group in DeploymentGroup.Of(desired))
        {
            var remaining = await NotRunningAsync(group, desired.Revision, cancellationToken);
            var decided = Reconciliation.Decide(remaining, journals.Of, desired.Revision);
            run.Open(decided, desired.Revision, found);
            WantedRelease[] begun =
                [.. decided.Where(each => Reconciliation.NeedsWork(each.Action)).Select(each => each.Release)];
            if (begun.Length > 0) work.Add((group, group with { Releases = begun }));
        }
        await RetireAsync(desired, cancellationToken);
        report.Send();

        foreach (var (group, begun) in work)
        {
            var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var task = Task.Run(() => run.RunAsync(begun, cancellationToken, stop.Token), CancellationToken.None);
            _running.Add(new Running(group, [.. begun.Releases.Select(release => release.Model)], task, stop));
        }
    }

    /// <summary>
    /// The releases of a group that are not on their way. What is on its way goes on, wanted by this revision, unless others of its group
    /// have to be begun: then all begin. What has just ended is judged like everything else.
    /// </summary>
    private async Task<IReadOnlyList<WantedRelease>> NotRunningAsync(
        DeploymentGroup group, long revision, CancellationToken cancellationToken)
    {
        if (_running.FirstOrDefault(one => one.Group.Brings(group)) is not { } running) return group.Releases;
        var now = journals.Change(running.Models, journal => Lifecycle.IsFinal(journal.Last!.Phase)
            ? journal
            : journal.With(last => last with { Revision = revision }));
        if (running.Task.IsFaulted || now.Any(journal => Lifecycle.IsFinal(journal.Last!.Phase)))
        {
            await StopAsync(running, cancellationToken);
            return group.Releases;
        }
        WantedRelease[] others = [.. group.Releases.Where(release => !running.Models.Contains(release.Model))];
        if (!Reconciliation.Decide(others, journals.Of, revision).Any(each => Reconciliation.NeedsWork(each.Action))) return others;
        await StopAsync(running, cancellationToken);
        return group.Releases;
    }

    /// <summary>True from the moment a deployment of the model switches until it has ended: it watches over what it brought.</summary>
    private bool IsSwitching(ModelJournal journal) => _running.Any(running => running.Models.Contains(journal.Model))
        && (Lifecycle.TouchesServing(journal.Last!.Phase) || Lifecycle.IsFinal(journal.Last.Phase));

    private async Task RetireAsync(DesiredState desired, CancellationToken cancellationToken)
    {
        foreach (var journal in journals.All.Values)
        {
            if (journal.Last is null || desired.Assignments.Any(assignment => assignment.Model == journal.Model)) continue;
            LogRetired(journal.Model);
            await host.RetireAsync(journal.Model, cancellationToken);
            // The largest trusted version outlives the model: withdrawing and reassigning it must not open a way to an old release.
            journals.Write(journal with { Last = null, Active = null, Previous = null });
        }
        run.Tidy();
    }

    /// <summary>Stops a deployment that has not ended yet; what served before it serves again.</summary>
    private async Task StopAsync(Running running, CancellationToken cancellationToken)
    {
        await EndAsync([running]);
        await SettleAsync(cancellationToken);
    }

    /// <summary>Stops deployments and waits until they have ended. What they left is settled by who stops them.</summary>
    private async Task EndAsync(IReadOnlyList<Running> ending)
    {
        foreach (var running in ending)
        {
            _running.Remove(running);
            await running.StopAsync();
            _stopped.UnionWith(running.Models);
        }
    }

    private async Task SettleAsync(CancellationToken cancellationToken)
    {
        if (_stopped.Count == 0) return;
        await serving.SettleAsync(_stopped, cancellationToken);
        _stopped.Clear();
    }

    /// <summary>
    /// An agent that ends in order was not ended by what it deployed. Whatever keeps this from the disk does not keep it from ending.
    /// </summary>
    private void NoteStopped()
    {
        try
        {
            serving.NoteStopped(_stopped);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotNoted(e);
        }
    }

    /// <summary>A full disk, for example: the agent stays, and tries again in a while unless something newer is wanted by then.</summary>
    private async Task TryAgainAsync(Exception trouble, DesiredState desired, CancellationToken cancellationToken)
    {
        LogTrouble(trouble, desired.Revision, AfterTrouble);
        gate.NotBegun(trouble);
        await Task.Delay(AfterTrouble, cancellationToken);
        if (slot.Newest is null) slot.Set(desired);
    }

    [LoggerMessage(LogLevel.Information, "Desired revision {Revision} with {Count} models is accepted.")]
    private partial void LogAccepted(long revision, int count);

    [LoggerMessage(LogLevel.Warning,
        "Desired {Place} is ignored: {Accepted} was accepted before. "
        + "A server restored from a backup must continue above it.")]
    private partial void LogOutdated(OrderPlace place, OrderPlace accepted);

    [LoggerMessage(LogLevel.Information, "{Model} is no longer assigned and is taken out of service.")]
    private partial void LogRetired(string model);

    [LoggerMessage(LogLevel.Information, "The deployment of {Model} gives way to desired revision {Revision}.")]
    private partial void LogSuperseded(string model, long revision);

    [LoggerMessage(LogLevel.Warning,
        "It could not be written down that deployments were stopped; the next start takes them for interrupted.")]
    private partial void LogNotNoted(Exception exception);

    [LoggerMessage(LogLevel.Error, "Desired revision {Revision} could not be carried out; the next try is in {Delay}.")]
    private partial void LogTrouble(Exception exception, long revision, TimeSpan delay);

    /// <summary>A deployment on its way.</summary>
    /// <param name="Group">What is wanted together.</param>
    /// <param name="Models">Those of them that are being deployed; the others serve what is wanted.</param>
    /// <param name="Task">Its end.</param>
    /// <param name="Stop">Ends it early.</param>
    private sealed record Running(DeploymentGroup Group, IReadOnlyList<string> Models, Task Task, CancellationTokenSource Stop)
    {
        /// <summary>Asks it to stop and waits until it has.</summary>
        public async Task StopAsync()
        {
            await Stop.CancelAsync();
            await EndsAsync();
        }

        /// <summary>Waits until it has ended, however.</summary>
        public async Task EndsAsync()
        {
            await Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Stop.Dispose();
        }
    }
}
