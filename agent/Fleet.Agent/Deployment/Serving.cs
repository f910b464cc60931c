using Fleet.Agent.Inference;
using Fleet.Agent.Shelf;
using Fleet.Contracts.State;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>Keeps the inference host serving what the journal calls active: at start, after a failed deployment, after a death.</summary>
internal sealed partial class Serving(
    InferenceHost host, ArtifactShelf shelf, Journals journals, TimeProvider time, ILogger<Serving> logger)
{
    /// <summary>Serves every active release again. Runs first of all and needs no network.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        foreach (var journal in journals.All.Values)
        {
            if (journal.Active is not { } active || await TryServeAsync(active, cancellationToken)) continue;
            if (await shelf.HoldsAsync(active.Variant.Artifact, cancellationToken))
            {
                var reason = $"{journal.Model} {active.Version} could not be served again after the agent started.";
                await FallBackAsync(journal, reason, cancellationToken);
                continue;
            }
            // The disk lost the file; the release did not fail. It is fetched again, and the previous one serves until then.
            LogLost(journal.Model, active.Version);
            var previous = journal.Previous is { } kept && await TryServeAsync(kept, cancellationToken) ? kept : null;
            journals.Write((journal with { Active = previous, Previous = null }).With(last => last with
            {
                Phase = Lifecycle.Next(DeploymentPhase.Idle, PhaseOutcome.Succeeded),
                Since = time.GetUtcNow(),
            }));
        }
    }

    /// <summary>Restores what the journal calls active, after a failed deployment that had touched the inference host.</summary>
    public async Task RestoreAsync(ModelJournal journal, CancellationToken cancellationToken)
    {
        if (journal.Active is not { } active) await host.RetireAsync(journal.Model, cancellationToken);
        else if (!await TryServeAsync(active, cancellationToken)) LogNotRestored(active.Manifest.Model, active.Version);
    }

    /// <summary>Replaces an active release that no longer works with the previous one; the journal says why.</summary>
    public async Task FallBackAsync(ModelJournal journal, string reason, CancellationToken cancellationToken)
    {
        var previous = journal.Previous;
        if (previous is not null && !await TryServeAsync(previous, cancellationToken)) previous = null;
        if (previous is null) await host.RetireAsync(journal.Model, cancellationToken);
        LogFellBack(journal.Model, journal.Active?.Version ?? 0, previous?.Version, reason);
        journal = journal with { Active = previous, Previous = null };
        journals.Write(journal.Last is null ? journal : journal.With(last => last with
        {
            Phase = Lifecycle.Next(DeploymentPhase.Active, PhaseOutcome.Failed),
            Since = time.GetUtcNow(),
            Failure = DeploymentFailure.ActivationFailed,
            Detail = reason,
        }));
    }

    private async Task<bool> TryServeAsync(ServingRelease release, CancellationToken cancellationToken)
    {
        try
        {
            if (!shelf.Has(release.Variant.Artifact)) return false;
            await host.ActivateAsync(release.Served(shelf.PathOf(release.Variant.Artifact)), cancellationToken);
            return true;
        }
        catch (ActivationException e)
        {
            LogNotServed(release.Manifest.Model, release.Version, e.Message);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Error, "{Model} {Version} could not be served: {Reason}")]
    private partial void LogNotServed(string model, int version, string reason);

    [LoggerMessage(LogLevel.Error,
        "{Model} {Version} could not be restored: the model is out of service until the next deployment or restart.")]
    private partial void LogNotRestored(string model, int version);

    [LoggerMessage(LogLevel.Error, "The artifact of {Model} {Version} is missing or damaged on disk; it is fetched again.")]
    private partial void LogLost(string model, int version);

    [LoggerMessage(LogLevel.Error, "{Model} {Version} no longer serves; release {Previous} takes its place. {Reason}")]
    private partial void LogFellBack(string model, int version, int? previous, string reason);
}
