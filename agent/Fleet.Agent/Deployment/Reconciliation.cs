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
            DeploymentPhase.RolledBack when last.Revision >= revision => ModelAction.Keep,
            DeploymentPhase.RolledBack or DeploymentPhase.Idle or DeploymentPhase.Active => ModelAction.Begin,
            _ => ModelAction.Resume,
        },
        _ when journal.Active?.Digest == digest => ModelAction.Adopt,
        _ => ModelAction.Begin,
    };

    /// <summary>True when a running deployment must stop because a newer desired state has arrived.</summary>
    /// <param name="running">The deployment.</param>
    /// <param name="revision">The desired revision it runs for.</param>
    /// <param name="model">The model it is of.</param>
    /// <param name="newer">What has arrived.</param>
    /// <remarks>
    /// A download may take hours and resumes where it was, so it never holds up another model. Later phases have deadlines of their own
    /// and would start over, so they give way only to a state that wants something else for their model.
    /// </remarks>
    public static bool GivesWay(JournalEntry running, long revision, string model, DesiredState newer)
    {
        if (newer.Revision <= revision) return false; // The server repeats itself on every connect.
        if (running.Phase is DeploymentPhase.Preflight or DeploymentPhase.Downloading) return true;
        return !newer.Assignments.Any(wanted => wanted.Model == model && JournalEntry.DigestOf(wanted) == running.Digest);
    }
}
