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
    /// <param name="cancellationToken">Ends the wait for the inference host, and for space on the disk.</param>
    public async Task TakeOutAsync(IReadOnlyCollection<string> stopped, CancellationToken cancellationToken)
    {
        var holding = HoldingWithdrawn().Union(stopped.Select(journals.Of)).ToList();
        if (holding.Count == 0) return;
        var leaving = Leaving(holding);
        var after = await ServePreviousAsync(leaving, cancellationToken);
        foreach (var (before, journal) in leaving.Zip(after)) LogTakenOut(before.Model, before.Active!.Version, journal.Active?.Version);
        await EndAsync(
            [.. leaving.Zip(after, Gone)],
            [.. holding.Except(leaving).Select(journal => journal with { Previous = Returnable(journal.Previous) })],
            cancellationToken);
        foreach (var (before, journal) in leaving.Zip(after).Where(pair => pair.Second.Active is null))
            await ExplainAsync(before.Model, ReasonOf(before, journal), cancellationToken);
    }

    /// <summary>Tells applications that ask for a model what became of it and who can help.</summary>
    private Task ExplainAsync(string model, string reason, CancellationToken cancellationToken) => host.ExplainAsync(
        model, $"{reason} It serves again once an operator of the fleet assigns another release to this device.", cancellationToken);

    /// <summary>Tells applications again what the journals say of models that were taken out of service before this start.</summary>
    private async Task ExplainWithdrawnAsync(CancellationToken cancellationToken)
    {
        foreach (var journal in journals.All.Values)
        {
            if (journal is { Active: null, Last: { Phase: DeploymentPhase.RolledBack, Failure: DeploymentFailure.ReleaseWithdrawn } last })
                await ExplainAsync(journal.Model, last.Detail, cancellationToken);
        }
    }

    private IReadOnlyList<ModelJournal> Leaving(IReadOnlyList<ModelJournal> all)
    {
        var groups = all.Where(MustGo).Select(journal => journal.Active!.Group).OfType<string>().ToHashSet(StringComparer.Ordinal);
        return [.. all.Where(journal => MustGo(journal) || (journal.Active?.Group is { } group && groups.Contains(group)))];
    }

    private ModelJournal Gone(ModelJournal before, ModelJournal after) => Gone(
        before, after,
        withdrawn.Find(before.Active!.Digest) is null ? DeploymentFailure.GroupFailed : DeploymentFailure.ReleaseWithdrawn,
        ReasonOf(before, after));

    private string ReasonOf(ModelJournal before, ModelJournal after)
    {
        var reason = withdrawn.Find(before.Active!.Digest)?.Sentence()
            ?? "A release that was switched to together with it was withdrawn by an operator.";
        var serves = after.Active is { } active
            ? $"Release {active.Version} serves."
            : "The device keeps no other release, and serves none.";
        return $"{reason} {serves}";
    }

    /// <summary>True for a model whose release may serve no longer.</summary>
    private bool MustGo(ModelJournal journal) => journal.Active is { } active && withdrawn.Find(active.Digest) is { KeepServing: false };

    /// <summary>
    /// The release, unless nothing may return to it: it was withdrawn, or what was switched to together with it was. A device must not
    /// serve a part of what it only ever served together.
    /// </summary>
    private ServingRelease? Returnable(ServingRelease? kept)
    {
        if (kept is null || withdrawn.Find(kept.Digest) is not null) return null;
        return kept.Group is { } group && journals.All.Values.Any(journal
            => journal.Previous is { } mate && mate.Group == group && withdrawn.Find(mate.Digest) is not null) ? null : kept;
    }

    [LoggerMessage(LogLevel.Error, "{Model} {Version} was withdrawn and serves no longer; release {Previous} takes its place.")]
    private partial void LogTakenOut(string model, int version, int? previous);
}
