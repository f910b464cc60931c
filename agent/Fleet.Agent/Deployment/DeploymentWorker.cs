using Fleet.Agent.Inference;
using Fleet.Agent.Link;
using Fleet.Contracts.State;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>
/// Brings the device to its desired state, one model after the other. Level-triggered: whatever arrives, and however the agent ended,
/// it compares what is wanted with what the journals say and does what is missing.
/// </summary>
internal sealed partial class DeploymentWorker(
    DesiredSlot slot,
    DesiredFile desiredFile,
    Journals journals,
    Serving serving,
    DeploymentRun run,
    StateReport report,
    InferenceHost host,
    ILogger<DeploymentWorker> logger) : BackgroundService
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        report.Send(); // The link has something to say as soon as it stands.
        await serving.ResumeAsync(stoppingToken);
        run.Tidy();
        report.Send();
        if (desiredFile.Accepted is { } accepted) slot.Set(accepted);
        while (true)
        {
            await AwaitWorkAsync(stoppingToken);
            while (slot.Take() is { } desired)
            {
                try
                {
                    await ConvergeAsync(desired, stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
                {
                    // A full disk, for example: the agent stays and tries again.
                    LogTrouble(e, desired.Revision, AfterTrouble);
                    await Task.Delay(AfterTrouble, stoppingToken);
                    if (slot.Newest is null) slot.Set(desired);
                }
            }
        }
    }

    /// <summary>Waits for a desired state. A release that stops working meanwhile gives way to the previous one.</summary>
    private async Task AwaitWorkAsync(CancellationToken cancellationToken)
    {
        while (slot.Newest is null)
        {
            using var awake = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var changed = slot.ChangedAsync(null, awake.Token);
            var dying = journals.All.Values.Where(journal => journal.Active is not null)
                .ToDictionary(journal => (Task)host.DiesRepeatedlyAsync(journal.Model, awake.Token));
            var first = await Task.WhenAny([changed, .. dying.Keys]);
            // A model that the host does not know could not be served; there is nothing to watch until its next deployment.
            while (first.IsFaulted && dying.Remove(first)) first = await Task.WhenAny([changed, .. dying.Keys]);
            await awake.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
            if (!dying.TryGetValue(first, out var journal)) continue;
            await serving.FallBackAsync(journal, await (Task<string>)first, cancellationToken);
            report.Send();
        }
    }

    private async Task ConvergeAsync(DesiredState desired, CancellationToken cancellationToken)
    {
        if (desired.Revision < desiredFile.Revision)
        {
            LogOutdated(desired.Revision, desiredFile.Revision);
            report.Send();
            return;
        }
        if (desired.Revision > desiredFile.Revision)
        {
            LogAccepted(desired.Revision, desired.Assignments.Count);
            desiredFile.Accept(desired);
        }

        // Every model is opened before the first runs, so that the report for this revision does not show how an older one ended.
        var work = new List<(Assignment Assignment, string Digest)>();
        foreach (var assignment in desired.Assignments)
        {
            var digest = JournalEntry.DigestOf(assignment);
            var journal = journals.Of(assignment.Model);
            var action = Reconciliation.Decide(journal, digest, desired.Revision);
            if (action != ModelAction.Keep || journal.Last?.Revision != desired.Revision)
                run.Open(assignment, digest, desired.Revision, action);
            if (action is ModelAction.Begin or ModelAction.Resume) work.Add((assignment, digest));
        }
        await RetireAsync(desired, cancellationToken);
        report.Send();

        foreach (var (assignment, digest) in work)
        {
            if (!await RunUnlessSupersededAsync(assignment, digest, desired.Revision, cancellationToken)) return;
        }
    }

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

    /// <summary>Runs one deployment and looks at every desired state that arrives meanwhile; false when one waits to be acted on.</summary>
    private async Task<bool> RunUnlessSupersededAsync(
        Assignment assignment, string digest, long revision, CancellationToken cancellationToken)
    {
        using var superseded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = run.RunAsync(assignment, digest, superseded.Token);
        DesiredState? seen = null;
        while (await Task.WhenAny(running, slot.ChangedAsync(seen, superseded.Token)) != running)
        {
            cancellationToken.ThrowIfCancellationRequested();
            seen = slot.Newest;
            if (seen is null || !Reconciliation.GivesWay(journals.Of(assignment.Model).Last!, revision, assignment.Model, seen)) continue;
            LogSuperseded(assignment.Model, assignment.Version, seen.Revision);
            await superseded.CancelAsync();
            break;
        }
        try
        {
            await running;
            await superseded.CancelAsync();
            return slot.Newest is null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            var journal = journals.Of(assignment.Model);
            if (Lifecycle.TouchesServing(journal.Last!.Phase)) await serving.RestoreAsync(journal, cancellationToken);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Information, "Desired revision {Revision} with {Count} models is accepted.")]
    private partial void LogAccepted(long revision, int count);

    [LoggerMessage(LogLevel.Warning,
        "Desired revision {Revision} is ignored: the newer revision {Accepted} was accepted before. "
        + "A server restored from a backup must continue above it.")]
    private partial void LogOutdated(long revision, long accepted);

    [LoggerMessage(LogLevel.Information, "{Model} is no longer assigned and is taken out of service.")]
    private partial void LogRetired(string model);

    [LoggerMessage(LogLevel.Information, "The deployment of {Model} {Version} gives way to desired revision {Revision}.")]
    private partial void LogSuperseded(string model, int version, long revision);

    [LoggerMessage(LogLevel.Error, "Desired revision {Revision} could not be carried out; the next try is in {Delay}.")]
    private partial void LogTrouble(Exception exception, long revision, TimeSpan delay);
}
