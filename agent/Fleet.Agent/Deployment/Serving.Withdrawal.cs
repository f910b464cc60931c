using Fleet.Contracts.State;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>The part that takes withdrawn releases out of service.</summary>
internal sealed partial class Serving
{
    /// <summary>
    /// Models of which something is kept, or on its way, that must not be: it was withdrawn, or was switched to together with what was.
    /// </summary>
    public IReadOnlyList<ModelJournal> HoldingWithdrawn()
    {
        var all = journals.All.Values.ToList();
        var leaving = Leaving(all);
        return
        [
            .. all.Where(journal => leaving.Contains(journal) || Returnable(journal.Previous) != journal.Previous
                || (journal.Last is { } last && !Lifecycle.IsFinal(last.Phase) && withdrawn.Find(last.Digest) is not null)),
        ];
    }

    /// <summary>
    /// Lets go of what was withdrawn, while no deployment of these models runs. What served gives way to the release before, or the model
    /// leaves service; the journals say why. A deployment that was stopped for it starts over, and fails if it is of what was withdrawn.
    /// </summary>
    /// <param name="stopped">Further models whose deployments were stopped, because they go together with one of these.</param>
    /// <param name="cancellationToken">Ends the wait for the inference host.</param>
    public async Task TakeOutAsync(IReadOnlyCollection<string> stopped, CancellationToken cancellationToken)
    {
        var holding = HoldingWithdrawn().Union(stopped.Select(journals.Of)).ToList();
        if (holding.Count == 0) return;
        var leaving = Leaving(holding);
        var after = await ServePreviousAsync(leaving, cancellationToken);
        foreach (var (before, journal) in leaving.Zip(after)) LogTakenOut(before.Model, before.Active!.Version, journal.Active?.Version);
        ModelJournal[] staying = [.. holding.Except(leaving)];
        ModelJournal[] touched = [.. staying.Where(journal => journal.Last is { } last && Lifecycle.TouchesServing(last.Phase))];
        if (touched.Length > 0) await RestoreAsync(touched, cancellationToken);
        journals.Write(
        [
            .. leaving.Zip(after, Gone).Select(Stopped),
            .. staying.Select(journal => Stopped(journal with { Previous = Returnable(journal.Previous) })),
        ]);
    }

    private IReadOnlyList<ModelJournal> Leaving(IReadOnlyList<ModelJournal> all)
    {
        var groups = all.Where(MustGo).Select(journal => journal.Active!.Group).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return [.. all.Where(journal => MustGo(journal) || (journal.Active?.Group is { } group && groups.Contains(group)))];
    }

    /// <summary>The journal after what served is gone: if that was the last deployment, it has failed by it.</summary>
    private ModelJournal Gone(ModelJournal before, ModelJournal after)
    {
        if (after.Last is not { Phase: DeploymentPhase.Active } last || last.Digest != before.Active!.Digest) return after;
        var own = withdrawn.Find(last.Digest);
        var reason = own?.Sentence() ?? "A release that was switched to together with it was withdrawn by an operator.";
        var serves = after.Active is { } active
            ? $"Release {active.Version} serves."
            : "The device keeps no other release, and serves none.";
        return after with
        {
            Last = last with
            {
                Phase = Lifecycle.Next(last.Phase, PhaseOutcome.Failed),
                Since = time.GetUtcNow(),
                Failure = own is null ? DeploymentFailure.GroupFailed : DeploymentFailure.ReleaseWithdrawn,
                Detail = $"{reason} {serves}",
            },
        };
    }

    /// <summary>The journal of a deployment that was stopped for a withdrawal, and not by its own doing.</summary>
    private static ModelJournal Stopped(ModelJournal journal) => journal.Last is { } last && !Lifecycle.IsFinal(last.Phase)
        ? journal with { Last = last with { Phase = Lifecycle.Next(last.Phase, PhaseOutcome.Interrupted) } }
        : journal;

    /// <summary>True for a model whose release may serve no longer.</summary>
    private bool MustGo(ModelJournal journal) => journal.Active is { } active && withdrawn.Find(active.Digest) is { KeepServing: false };

    /// <summary>The release, unless it was withdrawn: then nothing returns to it.</summary>
    private ServingRelease? Returnable(ServingRelease? kept) => kept is not null && withdrawn.Find(kept.Digest) is null ? kept : null;

    [LoggerMessage(LogLevel.Error, "{Model} {Version} was withdrawn and serves no longer; release {Previous} takes its place.")]
    private partial void LogTakenOut(string model, int version, int? previous);
}
