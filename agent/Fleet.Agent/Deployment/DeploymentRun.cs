using Fleet.Agent.Shelf;
using Fleet.Contracts;
using Fleet.Contracts.State;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Deployment;

/// <summary>
/// Takes models through the phases, each by itself: first the journal, then the report, then the step. <see cref="Lifecycle"/> alone
/// decides which phase follows.
/// </summary>
internal sealed partial class DeploymentRun(
    Journals journals,
    StateReport report,
    Serving serving,
    IEnumerable<IDeploymentStep> steps,
    ArtifactShelf shelf,
    DeploymentOptions options,
    TimeProvider time,
    ILogger<DeploymentRun> logger) : IDisposable
{
    private readonly Dictionary<DeploymentPhase, IDeploymentStep> _steps = steps.ToDictionary(step => step.Phase);

    /// <summary>Held by the one deployment that is in a phase which takes turns.</summary>
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    /// <summary>Records in the journal that a deployment begins, continues or is not needed. Nothing runs yet.</summary>
    /// <param name="assignment">What is wanted.</param>
    /// <param name="digest">Which release that is.</param>
    /// <param name="revision">The desired revision that wants it.</param>
    /// <param name="action">What it means for the model.</param>
    /// <param name="blamed">True when an interrupted deployment counts as a possible cause of the interruption.</param>
    public void Open(Assignment assignment, string digest, long revision, ModelAction action, bool blamed)
    {
        var journal = journals.Of(assignment.Model);
        var begun = new JournalEntry
        {
            Revision = revision,
            Version = assignment.Version,
            Digest = digest,
            Phase = Lifecycle.Next(DeploymentPhase.Idle, PhaseOutcome.Succeeded),
            Since = time.GetUtcNow(),
        };
        journals.Write(action switch
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
        });
    }

    /// <summary>Runs the phases to their end.</summary>
    /// <exception cref="OperationCanceledException">
    /// A newer desired state took its place, or the agent stops; the journal says how far it came.
    /// </exception>
    public async Task RunAsync(Assignment assignment, string digest, CancellationToken cancellationToken)
    {
        var attempt = new Attempt { Assignment = assignment, Digest = digest, Journal = journals.Of(assignment.Model) };
        var (phase, hasTurn) = (attempt.Journal.Last!.Phase, false);
        try
        {
            while (!Lifecycle.IsFinal(phase))
            {
                LogPhase(assignment.Model, assignment.Version, phase);
                report.Send();
                var result = await StepAsync(_steps[phase], attempt, cancellationToken);
                var outcome = result.Failure == DeploymentFailure.None ? PhaseOutcome.Succeeded : PhaseOutcome.Failed;
                var next = Lifecycle.Next(phase, outcome);
                // Before the journal names the phase: one that only waits for its turn is not blamed for what another does.
                if (Lifecycle.TakesTurns(next) && !hasTurn)
                {
                    await _turn.WaitAsync(cancellationToken);
                    hasTurn = true;
                }
                attempt = Note(result, next);
                if (outcome == PhaseOutcome.Failed)
                {
                    LogFailed(assignment.Model, assignment.Version, phase, result.Failure, result.Detail);
                    if (Lifecycle.TouchesServing(phase)) await serving.RestoreAsync(attempt.Journal, cancellationToken);
                }
                if (hasTurn && !Lifecycle.TakesTurns(next))
                {
                    hasTurn = false;
                    _turn.Release();
                }
                phase = next;
            }
        }
        finally
        {
            if (hasTurn) _turn.Release();
        }
        if (phase == DeploymentPhase.Active) LogActive(assignment.Model, assignment.Version, attempt.Journal.Active!.Variant.Id);
        report.Send();
        Tidy();
    }

    /// <summary>Removes from the shelf what no journal needs any more.</summary>
    /// <remarks>No journal changes meanwhile: what another deployment is about to fetch is named in its journal first.</remarks>
    public void Tidy() => journals.Hold(
        all => shelf.Collect(all.Values.SelectMany(journal => journal.Needed()).ToHashSet(StringComparer.Ordinal)));

    private async Task<StepResult> StepAsync(IDeploymentStep step, Attempt attempt, CancellationToken cancellationToken)
    {
        try
        {
            return await step.RunAsync(attempt, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            LogUnexpected(e, attempt.Assignment.Model, attempt.Assignment.Version, step.Phase);
            return new StepResult(attempt, DeploymentFailure.Unexpected, $"{step.Phase}: {e.Message}");
        }
    }

    /// <summary>Records what a step found out and the phase that follows, in one write.</summary>
    private Attempt Note(StepResult result, DeploymentPhase next)
    {
        var attempt = result.Attempt;
        var journal = attempt.Journal.With(last => last with
        {
            Phase = next,
            Since = time.GetUtcNow(),
            Failure = result.Failure,
            Detail = Limits.Detail(result.Detail),
            Variant = attempt.Chosen?.Variant.Id ?? last.Variant,
            Measured = attempt.Chosen?.Scores ?? last.Measured,
            Artifacts = attempt.Candidates.Count > 0 ? [.. attempt.Artifacts().Select(artifact => artifact.Sha256)] : [],
        });
        if (next == DeploymentPhase.Active)
        {
            // The one moment at which the device changes what it serves: both names move in the same write.
            var release = attempt.Release();
            var replaced = journal.Active?.Digest == release.Digest ? journal.Previous : journal.Active;
            journal = journal with { Active = release, Previous = replaced };
        }
        // The revision is the worker's to move: what is wanted may be wanted again while it is on its way.
        journal = journals.Change(attempt.Assignment.Model, now => now.Last is { Revision: var revision }
            ? journal.With(last => last with { Revision = revision })
            : journal);
        return attempt with { Journal = journal };
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

    [LoggerMessage(LogLevel.Information, "{Model} {Version}: {Phase}.")]
    private partial void LogPhase(string model, int version, DeploymentPhase phase);

    [LoggerMessage(LogLevel.Information, "{Model} {Version} is active with variant {Variant}.")]
    private partial void LogActive(string model, int version, string variant);

    [LoggerMessage(LogLevel.Warning, "{Model} {Version} failed in phase {Phase}: {Failure}. {Detail}")]
    private partial void LogFailed(string model, int version, DeploymentPhase phase, DeploymentFailure failure, string detail);

    [LoggerMessage(LogLevel.Error, "{Model} {Version} failed unexpectedly in phase {Phase}.")]
    private partial void LogUnexpected(Exception exception, string model, int version, DeploymentPhase phase);
}
