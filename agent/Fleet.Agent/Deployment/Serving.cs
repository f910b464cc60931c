using Fleet.Agent.Inference;
using Fleet.Agent.Orders;
using Fleet.Agent.Shelf;
using Fleet.Contracts.State;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>
/// Keeps the inference host serving what the journals call active: at start, after a failed deployment, after a death. Releases that were
/// switched to together give way together.
/// </summary>
internal sealed partial class Serving(
    InferenceHost host, ArtifactShelf shelf, Journals journals, WithdrawnReleases withdrawn, TimeProvider time, ILogger<Serving> logger)
{
    /// <summary>Serves every active release again. Runs first of all and needs no network.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        await TakeOutAsync([], cancellationToken);
        foreach (var group in journals.All.Values.Where(journal => journal.Active is not null)
            .GroupBy(journal => (journal.Active!.Group, Alone: journal.Active.Group is null ? journal.Model : null)))
        {
            if (await TryServeAsync([.. group.Select(journal => journal.Active!)], cancellationToken) is not { } fallen) continue;
            var journal = journals.Of(fallen.Manifest.Model);
            if (await shelf.HoldsAsync(fallen.Variant.Artifact, cancellationToken))
            {
                var reason = $"{journal.Model} {fallen.Version} could not be served again after the agent started.";
                await FallBackAsync(journal, reason, cancellationToken);
                continue;
            }
            // The disk lost the file; the release did not fail. It is fetched again, and the previous one serves until then.
            LogLost(journal.Model, fallen.Version);
            journals.Write([.. (await ServePreviousAsync([.. group], cancellationToken)).Select(each => each.With(last => last with
            {
                Phase = Lifecycle.Next(DeploymentPhase.Idle, PhaseOutcome.Succeeded),
                Since = time.GetUtcNow(),
            }))]);
        }
    }

    /// <summary>Restores what journals call active, after a failed deployment that had touched the inference host.</summary>
    public async Task RestoreAsync(IReadOnlyList<ModelJournal> touched, CancellationToken cancellationToken)
    {
        foreach (var journal in touched.Where(journal => journal.Active is null)) await host.RetireAsync(journal.Model, cancellationToken);
        ServingRelease[] active = [.. touched.Select(journal => journal.Active).OfType<ServingRelease>()];
        if (active.Length == 0 || await TryServeAsync(active, cancellationToken) is null) return;
        foreach (var release in active)
        {
            if (await TryServeAsync([release], cancellationToken) is not null)
                LogNotRestored(release.Manifest.Model, release.Version);
        }
    }

    /// <summary>
    /// Replaces an active release that no longer works with the previous one, and with it those that were switched to together with it;
    /// the journals say why.
    /// </summary>
    public async Task FallBackAsync(ModelJournal fallen, string reason, CancellationToken cancellationToken)
    {
        ModelJournal[] together = [.. journals.All.Values.Where(journal => journal.Model == fallen.Model
            || (fallen.Active?.Group is { } group && journal.Active?.Group == group))];
        var others = $"{fallen.Model} {fallen.Active?.Version}, which was switched to together with it, no longer works: {reason}";
        var written = new List<ModelJournal>();
        foreach (var journal in await ServePreviousAsync(together, cancellationToken))
        {
            LogFellBack(journal.Model, journals.Of(journal.Model).Active?.Version ?? 0, journal.Active?.Version, reason);
            var isFallen = journal.Model == fallen.Model;
            written.Add(journal.Last is null ? journal : journal.With(last => last with
            {
                Phase = Lifecycle.Next(DeploymentPhase.Active, PhaseOutcome.Failed),
                Since = time.GetUtcNow(),
                Failure = isFallen ? DeploymentFailure.ActivationFailed : DeploymentFailure.GroupFailed,
                Detail = isFallen ? reason : others,
            }));
        }
        journals.Write(written);
    }

    /// <summary>Serves what was there before, where it can be served, and returns the journals that say so; nothing is written.</summary>
    private async Task<IReadOnlyList<ModelJournal>> ServePreviousAsync(
        IReadOnlyList<ModelJournal> together, CancellationToken cancellationToken)
    {
        var after = new List<ModelJournal>();
        foreach (var journal in together)
        {
            var previous = Returnable(journal.Previous) is { } kept && await TryServeAsync([kept], cancellationToken) is null ? kept : null;
            if (previous is null) await host.RetireAsync(journal.Model, cancellationToken);
            after.Add(journal with { Active = previous, Previous = null });
        }
        return after;
    }

    /// <returns>The release that could not be served, in which case none is; null when all serve.</returns>
    private async Task<ServingRelease?> TryServeAsync(ServingRelease[] releases, CancellationToken cancellationToken)
    {
        if (releases.FirstOrDefault(release => !shelf.Has(release.Variant.Artifact)) is { } missing) return missing;
        try
        {
            await host.ActivateAsync(
                [.. releases.Select(release => release.Served(shelf.PathOf(release.Variant.Artifact)))], cancellationToken);
            return null;
        }
        catch (ActivationException e)
        {
            var refused = releases.FirstOrDefault(release => release.Manifest.Model == e.Model) ?? releases[0];
            LogNotServed(refused.Manifest.Model, refused.Version, e.Message);
            return refused;
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
