using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>What a desired assignment means for a model.</summary>
internal enum ModelAction
{
    /// <summary>Nothing to do.</summary>
    Keep,
    /// <summary>A deployment begins.</summary>
    Begin,
    /// <summary>An interrupted deployment continues.</summary>
    Resume,
    /// <summary>The release serves already, although the last deployment was of another one.</summary>
    Adopt,
}

/// <summary>Compares what is wanted with what is there. Pure.</summary>
internal static class Reconciliation
{
    /// <summary>Decides what to do about one model.</summary>
    /// <param name="journal">What is there.</param>
    /// <param name="digest">The release wanted, by <see cref="JournalEntry.DigestOf"/>.</param>
    /// <param name="revision">The desired revision that wants it.</param>
    public static ModelAction Decide(ModelJournal journal, string digest, long revision) => journal.Last switch
    {
        { } last when last.Digest == digest => last.Phase switch
        {
            DeploymentPhase.Active when journal.Active?.Digest == digest => ModelAction.Keep,
            // A release that failed is tried again only when the server asks anew: no loop, and no dead end either.
            DeploymentPhase.RolledBack when last.Revision == revision => ModelAction.Keep,
            DeploymentPhase.RolledBack or DeploymentPhase.Idle or DeploymentPhase.Active => ModelAction.Begin,
            _ => ModelAction.Resume,
        },
        _ when journal.Active?.Digest == digest => ModelAction.Adopt,
        _ => ModelAction.Begin,
    };

    /// <summary>
    /// Decides what to do about releases that are switched to together. One that had failed begins again with those that do: what is left
    /// of a group never goes on without the rest.
    /// </summary>
    /// <param name="releases">What is wanted.</param>
    /// <param name="journalOf">What is there.</param>
    /// <param name="revision">The desired revision that wants it.</param>
    public static IReadOnlyList<(WantedRelease Release, ModelAction Action)> Decide(
        IEnumerable<WantedRelease> releases, Func<string, ModelJournal> journalOf, long revision)
    {
        (WantedRelease Release, ModelAction Action)[] decided =
            [.. releases.Select(release => (release, Decide(journalOf(release.Model), release.Digest, revision)))];
        if (!decided.Any(each => NeedsWork(each.Action))) return decided;
        return [.. decided.Select(each => journalOf(each.Release.Model).Last?.Phase == DeploymentPhase.RolledBack
            && each.Action == ModelAction.Keep
            ? each with { Action = ModelAction.Begin }
            : each)];
    }

    /// <summary>True when phases have to be gone through.</summary>
    public static bool NeedsWork(ModelAction action) => action is ModelAction.Begin or ModelAction.Resume;

    /// <summary>True when a running deployment must stop, because what it brings is not wanted any more, or not together.</summary>
    /// <param name="running">What it brings.</param>
    /// <param name="desired">What is wanted now.</param>
    public static bool GivesWay(DeploymentGroup running, DesiredState desired)
        => !DeploymentGroup.Of(desired).Any(group => group.Brings(running));

    /// <summary>
    /// True when a deployment that was cut short by the end of the agent counts as its possible cause: its release's own bytes ran, and
    /// no other release was being measured or switched to while this one was only watched. Of a group that is measured one by one, the
    /// release that was begun last is the one that ran.
    /// </summary>
    /// <param name="interrupted">The deployment.</param>
    /// <param name="journals">All journals as the agent left them.</param>
    public static bool MayHaveEndedTheAgent(ModelJournal interrupted, IReadOnlyDictionary<string, ModelJournal> journals)
    {
        if (interrupted.Last is not { } last || !Lifecycle.RunsRelease(last.Phase)) return false;
        return !journals.Values.Any(other => other.Model != interrupted.Model && other.Last is { } one && Lifecycle.TakesTurns(one.Phase)
            && (!Lifecycle.TakesTurns(last.Phase) || one.Since > last.Since));
    }
}
