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
    InferenceHost host, ArtifactShelf shelf, Journals journals, WithdrawnReleases withdrawn, OrderGate gate, TimeProvider time,
    ILogger<Serving> logger)
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    /// <summary>Serves every active release again. Runs first of all and needs neither a network nor space on the disk.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        var all = journals.All.Values.ToList();
        var fallen = new List<ServingRelease>();
        // What was switched to last comes first, as the first to be suspected if the host keeps dying.
        var resumed = all.Except(Leaving(all)).OrderByDescending(journal => Served(journal)?.Since);
        foreach (var group in GroupsOf(resumed.Select(journal => journal.Active).OfType<ServingRelease>()))
            if (await TryServeAsync(group, cancellationToken) is { } refused) fallen.Add(refused);
        // What has to be written comes last: it may have to wait for space.
        await TakeOutAsync([], cancellationToken);
        await ExplainWithdrawnAsync(cancellationToken);
        foreach (var release in fallen)
        {
            var model = release.Manifest.Model;
            if (await shelf.HoldsAsync(release.Variant.Artifact, cancellationToken))
            {
                var reason = $"{model} {release.Version} could not be served again after the agent started.";
                await FallBackAsync(model, [], reason, cancellationToken);
            }
            else await FetchAgainAsync(model, cancellationToken);
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
    /// Makes good that deployments were stopped before their end: what served before them serves again, and the journals do not hold the
    /// interruption against them.
    /// </summary>
    public async Task SettleAsync(IReadOnlyCollection<string> stopped, CancellationToken cancellationToken)
    {
        await RestoreTouchedAsync([.. stopped.Select(journals.Of)], cancellationToken);
        await RecordAsync(() => NoteStopped(stopped), cancellationToken);
    }

    /// <summary>Writes down that deployments were stopped, and did not end the agent.</summary>
    public void NoteStopped(IEnumerable<string> stopped) => journals.Change(stopped, Stopped);

    /// <summary>A model whose release no longer works, and those that were switched to together with it.</summary>
    public IReadOnlyList<ModelJournal> Together(string fallen) => [.. journals.All.Values.Where(journal => journal.Model == fallen
        || (journals.Of(fallen).Active?.Group is { } group && journal.Active?.Group == group))];

    /// <summary>
    /// Replaces an active release that no longer works with the previous one, and with it those that were switched to together with it;
    /// the journals say why. No deployment of these models runs meanwhile.
    /// </summary>
    /// <param name="fallen">The model.</param>
    /// <param name="stopped">Models whose deployments were stopped for it.</param>
    /// <param name="reason">Why it no longer works.</param>
    /// <param name="cancellationToken">Ends the wait for the inference host, and for space on the disk.</param>
    public async Task FallBackAsync(
        string fallen, IReadOnlyCollection<string> stopped, string reason, CancellationToken cancellationToken)
    {
        var leaving = Together(fallen);
        var others = $"{fallen} {journals.Of(fallen).Active?.Version}, which was switched to together with it, no longer works: {reason}";
        var after = await ServePreviousAsync(leaving, cancellationToken);
        foreach (var (before, journal) in leaving.Zip(after))
            LogFellBack(journal.Model, before.Active?.Version ?? 0, journal.Active?.Version, reason);
        ModelJournal[] gone =
        [
            .. leaving.Zip(after, (before, journal) => before.Model == fallen
                ? Gone(before, journal, DeploymentFailure.ActivationFailed, reason)
                : Gone(before, journal, DeploymentFailure.GroupFailed, others)),
        ];
        await EndAsync(gone, [.. stopped.Select(journals.Of).Except(leaving)], cancellationToken);
    }

    /// <summary>
    /// The disk lost the file of an active release; the release did not fail. It is fetched again with those that were switched to together
    /// with it, and the previous ones serve until then.
    /// </summary>
    private async Task FetchAgainAsync(string model, CancellationToken cancellationToken)
    {
        LogLost(model, journals.Of(model).Active!.Version);
        var leaving = Together(model);
        var after = await ServePreviousAsync(leaving, cancellationToken);
        ModelJournal[] begun =
        [
            .. leaving.Zip(after, (before, journal) => Served(before) is null ? journal : journal.With(last => last with
            {
                Phase = Lifecycle.Next(DeploymentPhase.Idle, PhaseOutcome.Succeeded),
                Since = time.GetUtcNow(),
            })),
        ];
        await EndAsync(begun, [], cancellationToken);
    }

    /// <summary>Writes which models serve something else, after those whose deployments were merely stopped serve what is active.</summary>
    private async Task EndAsync(
        IReadOnlyList<ModelJournal> changed, IReadOnlyList<ModelJournal> stopped, CancellationToken cancellationToken)
    {
        await RestoreTouchedAsync(stopped, cancellationToken);
        ModelJournal[] written = [.. changed.Concat(stopped).Select(Stopped)];
        await RecordAsync(() => journals.Write(written), cancellationToken);
    }

    private async Task RestoreTouchedAsync(IReadOnlyList<ModelJournal> stopped, CancellationToken cancellationToken)
    {
        ModelJournal[] touched = [.. stopped.Where(journal => journal.Last is { } last && Lifecycle.TouchesServing(last.Phase))];
        if (touched.Length > 0) await RestoreAsync(touched, cancellationToken);
    }

    /// <summary>
    /// Writes what serves by now, however long the disk has no space: nothing that serves is stopped for it, and until it is written
    /// nothing is begun that a restart would find without it.
    /// </summary>
    private async Task RecordAsync(Action write, CancellationToken cancellationToken)
    {
        for (var isTroubled = false; ; isTroubled = true)
        {
            try
            {
                write();
                if (isTroubled) gate.Begun();
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                LogNotWritten(e, AfterTrouble);
                gate.NotBegun(e);
                await Task.Delay(AfterTrouble, time, cancellationToken);
            }
        }
    }

    /// <summary>
    /// Serves what was there before, where it can be served, and returns the journals that say so; nothing is written. All are switched to
    /// at once where that is possible, and what was switched to together before never comes back in part.
    /// </summary>
    private async Task<IReadOnlyList<ModelJournal>> ServePreviousAsync(
        IReadOnlyList<ModelJournal> leaving, CancellationToken cancellationToken)
    {
        ServingRelease[] kept = [.. leaving.Select(journal => Returnable(journal.Previous)).OfType<ServingRelease>()];
        var groups = GroupsOf(kept);
        var served = new List<ServingRelease>();
        if (kept.Length > 0 && await TryServeAsync(kept, cancellationToken) is null) served.AddRange(kept);
        else if (groups.Count > 1)
        {
            foreach (var group in groups)
                if (await TryServeAsync(group, cancellationToken) is null) served.AddRange(group);
        }
        var after = new List<ModelJournal>();
        foreach (var journal in leaving)
        {
            var previous = served.Find(one => ReferenceEquals(one, journal.Previous));
            if (previous is null) await host.RetireAsync(journal.Model, cancellationToken);
            after.Add(journal with { Active = previous, Previous = null });
        }
        return after;
    }

    /// <summary>Releases by what they were switched to together with.</summary>
    private static IReadOnlyList<ServingRelease[]> GroupsOf(IEnumerable<ServingRelease> releases) =>
    [
        .. releases.GroupBy(one => (one.Group, Alone: one.Group is null ? one.Manifest.Model : null)).Select(group => group.ToArray()),
    ];

    /// <summary>The deployment that brought what serves; null when the last one was of something else.</summary>
    private static JournalEntry? Served(ModelJournal journal)
        => journal.Last is { Phase: DeploymentPhase.Active } last && last.Digest == journal.Active?.Digest ? last : null;

    /// <summary>The journal after what served is gone: if that was the last deployment, it has failed by it.</summary>
    private ModelJournal Gone(ModelJournal before, ModelJournal after, DeploymentFailure failure, string detail)
        => Served(before) is null ? after : after.With(last => last with
        {
            Phase = Lifecycle.Next(last.Phase, PhaseOutcome.Failed),
            Since = time.GetUtcNow(),
            Failure = failure,
            Detail = detail,
        });

    /// <summary>The journal of a deployment that was stopped, and not by its own doing.</summary>
    private static ModelJournal Stopped(ModelJournal journal) => journal.Last is { } last && !Lifecycle.IsFinal(last.Phase)
        ? journal with { Last = last with { Phase = Lifecycle.Next(last.Phase, PhaseOutcome.Interrupted) } }
        : journal;

    /// <returns>The release that could not be served, in which case none is; null when all serve.</returns>
    private async Task<ServingRelease?> TryServeAsync(ServingRelease[] releases, CancellationToken cancellationToken)
    {
        if (releases.FirstOrDefault(release => !shelf.Has(release.Variant.Artifact)) is { } missing) return missing;
        for (var isTroubled = false; ; isTroubled = true)
        {
            try
            {
                await host.RestoreAsync(
                    [.. releases.Select(release => release.Served(shelf.PathOf(release.Variant.Artifact)))], cancellationToken);
                if (isTroubled) gate.Begun();
                return null;
            }
            catch (ActivationException e) when (e.HasNoHost)
            {
                // Its port is taken, for example: no release is to blame, and none gives way.
                LogNoHost(e.Message, AfterTrouble);
                gate.NotBegun(e);
                await Task.Delay(AfterTrouble, time, cancellationToken);
            }
            catch (ActivationException e)
            {
                var refused = releases.FirstOrDefault(release => release.Manifest.Model == e.Model) ?? releases[0];
                LogNotServed(refused.Manifest.Model, refused.Version, e.Message);
                return refused;
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "{Model} {Version} could not be served: {Reason}")]
    private partial void LogNotServed(string model, int version, string reason);

    [LoggerMessage(LogLevel.Error,
        "{Model} {Version} could not be restored: the model is out of service until the next deployment or restart.")]
    private partial void LogNotRestored(string model, int version);

    [LoggerMessage(LogLevel.Error, "The artifact of {Model} {Version} is missing or damaged on disk; it is fetched again.")]
    private partial void LogLost(string model, int version);

    [LoggerMessage(LogLevel.Error, "Nothing is served yet; the next try is in {Delay}. {Reason}")]
    private partial void LogNoHost(string reason, TimeSpan delay);

    [LoggerMessage(LogLevel.Error, "What serves could not be written down; the next try is in {Delay}.")]
    private partial void LogNotWritten(Exception exception, TimeSpan delay);

    [LoggerMessage(LogLevel.Error, "{Model} {Version} no longer serves; release {Previous} takes its place. {Reason}")]
    private partial void LogFellBack(string model, int version, int? previous, string reason);
}
