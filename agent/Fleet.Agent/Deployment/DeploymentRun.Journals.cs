using Fleet.Contracts;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>What a run writes into the journals: of a group always for all its models in one write.</summary>
internal sealed partial class DeploymentRun
{
    /// <summary>Records in the journals that a deployment begins, continues or is not needed. Nothing runs yet.</summary>
    /// <param name="decided">Releases of one group, and what each means for its model.</param>
    /// <param name="revision">The desired revision that wants them.</param>
    /// <param name="found">All journals as they were before: they tell which release may have ended the agent.</param>
    public void Open(
        IReadOnlyList<(WantedRelease Release, ModelAction Action)> decided, long revision,
        IReadOnlyDictionary<string, ModelJournal> found)
    {
        var (opened, given) = (new List<ModelJournal>(), (WantedRelease?)null);
        foreach (var (release, action) in decided)
        {
            var journal = journals.Of(release.Model);
            if (action == ModelAction.Keep && journal.Last?.Revision == revision) continue;
            journal = Opened(journal, release, revision, action, Reconciliation.MayHaveEndedTheAgent(journal, found));
            if (action == ModelAction.Resume && journal.Last!.Phase == DeploymentPhase.RolledBack) given ??= release;
            opened.Add(journal);
        }
        // One that is given up takes the others with it.
        journals.Write(given is null ? opened : [.. opened.Select(journal => Lifecycle.IsFinal(journal.Last!.Phase)
            ? journal
            : journal.With(last => last with
            {
                Phase = Lifecycle.Next(last.Phase, PhaseOutcome.Failed),
                Failure = DeploymentFailure.GroupFailed,
                Detail = WithOther(given.Name(), "it was given up."),
            }))]);
    }

    private ModelJournal Opened(ModelJournal journal, WantedRelease release, long revision, ModelAction action, bool blamed)
    {
        var begun = new JournalEntry
        {
            Revision = revision,
            Version = release.Assignment.Version,
            Digest = release.Digest,
            Phase = Lifecycle.Next(DeploymentPhase.Idle, PhaseOutcome.Succeeded),
            Since = time.GetUtcNow(),
        };
        return action switch
        {
            ModelAction.Begin => journal with { Last = begun },
            ModelAction.Adopt => journal with
            {
                Last = begun with
                {
                    Phase = DeploymentPhase.Active,
                    Variant = journal.Active!.Variant.Id,
                    Measured = journal.Active.Measured,
                },
            },
            ModelAction.Resume => Interrupted(journal, revision, blamed),
            _ => journal.With(last => last with { Revision = revision }),
        };
    }

    private ModelJournal Interrupted(ModelJournal journal, long revision, bool blamed) => journal.With(last =>
    {
        var interruptions = last.Interruptions + (blamed ? 1 : 0);
        var tooOften = interruptions >= options.MaximumInterruptions;
        return last with
        {
            Revision = revision,
            Phase = Lifecycle.Next(last.Phase, tooOften ? PhaseOutcome.Failed : PhaseOutcome.Interrupted),
            Since = time.GetUtcNow(),
            Interruptions = interruptions,
            Failure = tooOften ? DeploymentFailure.Unexpected : DeploymentFailure.None,
            Detail = tooOften
                ? $"The agent died {interruptions} times while this release was validated or activated, last in phase {last.Phase}."
                : "",
        };
    });

    /// <summary>Records what is known so far and the phase that begins, and reports it.</summary>
    private void Enter(Span<Attempt> attempts, DeploymentPhase phase)
    {
        foreach (var attempt in attempts) LogPhase(attempt.Assignment.Model, attempt.Assignment.Version, phase);
        if (attempts[0].Journal.Last!.Phase != phase) Note(attempts, phase, _ => (DeploymentFailure.None, ""), journal => journal);
        report.Send();
    }

    /// <summary>Records that a release failed, and that the others fail with it.</summary>
    private void Fail(Attempt[] attempts, StepResult result)
    {
        var failed = result.Attempt.Assignment;
        var others = WithOther($"{failed.Model} {failed.Version}", $"{result.Failure.ToWords()}. {result.Detail}");
        Note(
            attempts, DeploymentPhase.RolledBack,
            attempt => attempt.Assignment.Model == failed.Model
                ? (result.Failure, result.Detail)
                : (DeploymentFailure.GroupFailed, others),
            journal => journal);
    }

    /// <summary>The one moment at which the device changes what it serves: all names move in the same write.</summary>
    private void Commit(Attempt[] attempts)
    {
        var releases = attempts.ToDictionary(attempt => attempt.Assignment.Model, attempt => attempt.Release());
        Note(attempts, DeploymentPhase.Active, _ => (DeploymentFailure.None, ""), journal =>
        {
            var release = releases[journal.Model];
            var replaced = journal.Active?.Digest == release.Digest ? journal.Previous : journal.Active;
            return journal with { Active = release, Previous = replaced };
        });
        foreach (var attempt in attempts)
            LogActive(attempt.Assignment.Model, attempt.Assignment.Version, attempt.Journal.Active!.Variant.Id);
    }

    /// <summary>Records what the steps have found out and the phase that follows, in one write.</summary>
    private void Note(
        Span<Attempt> attempts, DeploymentPhase phase, Func<Attempt, (DeploymentFailure Failure, string Detail)> outcomeOf,
        Func<ModelJournal, ModelJournal> change)
    {
        var (known, since) = (attempts.ToArray().ToDictionary(attempt => attempt.Assignment.Model), time.GetUtcNow());
        var written = journals.Change(known.Keys, now =>
        {
            var attempt = known[now.Model];
            var (failure, detail) = outcomeOf(attempt);
            return change(attempt.Journal.With(last => last with
            {
                // The revision is the worker's to move: what is wanted may be wanted again while it is on its way.
                Revision = now.Last?.Revision ?? last.Revision,
                Phase = phase,
                Since = since,
                Failure = failure,
                Detail = Limits.Detail(detail),
                Variant = attempt.Chosen?.Variant.Id ?? last.Variant,
                Measured = attempt.Chosen?.Scores ?? last.Measured,
                Times = attempt.Times ?? last.Times,
                Artifacts = attempt.Candidates.Count > 0 ? [.. attempt.Artifacts().Select(artifact => artifact.Sha256)] : [],
            }));
        });
        for (var i = 0; i < attempts.Length; i++) attempts[i] = attempts[i] with { Journal = written[i] };
    }

    private static string WithOther(string other, string why) => $"{other}, which was ordered together with it, failed: {why}";
}
