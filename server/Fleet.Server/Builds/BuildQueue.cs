using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Server.Artifacts;
using Fleet.Server.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Builds;

/// <summary>Builds that wait, run and ended. Every move is a rule of <see cref="BuildRules"/> and one commit.</summary>
internal sealed partial class BuildQueue(
    IFleetStore store, ArtifactStore artifacts, BuildsOptions options, FleetOptions fleet, TimeProvider time, ILogger<BuildQueue> logger)
{
    /// <summary>Queues a build, or names every rule its spec breaks.</summary>
    public async Task<Answer<Build>> SubmitAsync(BuildSpec spec, CancellationToken cancellationToken)
    {
        if (BuildSpecRules.ProblemsOf(spec) is { Count: > 0 } problems) return Refusal.Invalid("The build spec breaks rules.", problems);
        // A worker of this machine may take it and would fail a second later. Where workers run elsewhere, only they can look.
        if (fleet.Workers > 0 && SpecFiles.Missing(spec, $"the server's machine, {Environment.MachineName}") is { Count: > 0 } missing)
            return Refusal.Invalid("The build spec names files that its worker would not find.", missing);
        if ((await OpenAsync(cancellationToken)).Count >= options.MaximumOpenBuilds)
            return Refusal.Conflict($"{options.MaximumOpenBuilds} builds wait or run already: cancel some, or add workers.");
        var now = time.GetUtcNow();
        var build = new Build { Id = NewId.At(now), Spec = spec, CreatedAt = now };
        await store.CommitAsync(
            [StoreChange.Create(build.Id, build), StoreChange.Create(build.Id, new OpenBuild(build.Id))], cancellationToken);
        LogQueued(build.Id, spec.Model);
        return build;
    }

    /// <summary>Ends a build with the reason it failed.</summary>
    public async Task<Answer<Build>> FailAsync(string id, FailRequest request, CancellationToken cancellationToken)
    {
        var moved = await MoveAsync(
            id, build => BuildRules.Fail(build, request.LeaseId, request.Reason, time.GetUtcNow()), cancellationToken);
        if (moved.Changed) LogFailed(id, moved.Build!.Failure!);
        if (moved.Build is { Status: BuildStatus.Failed } failed && failed.Lease?.Id == request.LeaseId) return failed;
        return Judge(id, request.LeaseId, moved);
    }

    /// <summary>Cancels a build; its worker learns of it with the next progress it sends.</summary>
    public async Task<Answer<Build>> CancelAsync(string id, CancellationToken cancellationToken)
    {
        var moved = await MoveAsync(id, build => BuildRules.Cancel(build, time.GetUtcNow()), cancellationToken);
        if (moved.Changed) LogCancelled(id);
        return moved.Build switch
        {
            null => Unknown(id),
            { Status: BuildStatus.Cancelled } cancelled => cancelled,
            var over => Refusal.Conflict($"Build {id} has ended already: {over.Status.ToWords()}."),
        };
    }

    private async Task<IReadOnlyList<string>> OpenAsync(CancellationToken cancellationToken)
        => await store.AllAsync<OpenBuild>("", cancellationToken).Take(options.MaximumOpenBuilds).Select(open => open.Id)
            .ToListAsync(cancellationToken);

    /// <summary>
    /// Applies a rule and commits, again when somebody else was faster. A build that ends leaves the queue in the same commit.
    /// </summary>
    private async Task<(Build? Build, bool Changed)> MoveAsync(string id, Func<Build, Build?> rule, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await store.FindAsync<Build>(id, cancellationToken) is not { } found) return (null, false);
            if (rule(found.Document) is not { } moved) return (found.Document, false);
            var changes = new List<StoreChange> { found.Change(moved) };
            if (moved.IsOver && await store.FindAsync<OpenBuild>(id, cancellationToken) is { } open) changes.Add(open.Removal());
            try
            {
                await store.CommitAsync(changes, cancellationToken);
                return (moved, true);
            }
            catch (VersionConflictException)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    private static Answer<Build> Judge(string id, string leaseId, (Build? Build, bool Changed) moved) => moved switch
    {
        { Build: null } => Unknown(id),
        { Changed: true, Build: var build } => build,
        { Build: var build } => Refusal.Conflict(BuildRules.WhyNotHeld(build, leaseId)),
    };

    private static ApiProblem Unknown(string id) => Refusal.Unknown($"There is no build '{id}'.");

    [LoggerMessage(LogLevel.Information, "Build {Build} of {Model} is queued")]
    private partial void LogQueued(string build, string model);

    [LoggerMessage(LogLevel.Information, "Build {Build} of {Model} succeeded: {Accepted} of {Variants} variants are accepted")]
    private partial void LogSucceeded(string build, string model, int accepted, int variants);

    [LoggerMessage(LogLevel.Error, "Build {Build} failed: {Reason}")]
    private partial void LogFailed(string build, string reason);

    [LoggerMessage(LogLevel.Information, "Build {Build} is cancelled")]
    private partial void LogCancelled(string build);
}
