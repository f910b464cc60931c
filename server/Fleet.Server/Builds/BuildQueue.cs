using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
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

    /// <summary>Gives the oldest waiting build to a worker; null when there is none.</summary>
    public async Task<LeaseResponse?> LeaseAsync(string worker, CancellationToken cancellationToken)
    {
        foreach (var id in await OpenAsync(cancellationToken))
        {
            Build? Lease(Build build) => BuildRules.Lease(build, Guid.NewGuid().ToString("N"), worker, time.GetUtcNow(), options.LeaseTime);
            if (await MoveAsync(id, Lease, cancellationToken) is not { Changed: true, Build: { } leased }) continue;
            LogLeased(id, leased.Attempts, worker);
            return new LeaseResponse(id, leased.Lease!.Id, leased.Spec, options.RenewWithin);
        }
        return null;
    }

    /// <summary>Notes how far a build is and renews its lease.</summary>
    public async Task<Answer<Build>> AdvanceAsync(string id, string leaseId, BuildProgress progress, CancellationToken cancellationToken)
        => Judge(
            id, leaseId, await MoveAsync(
                id, build => BuildRules.Advance(build, leaseId, progress, time.GetUtcNow(), options.LeaseTime), cancellationToken));

    /// <summary>Ends a build with its report. The artifacts the report names must have been uploaded.</summary>
    public async Task<Answer<Build>> CompleteAsync(string id, CompleteRequest request, CancellationToken cancellationToken)
    {
        if (await store.FindAsync<Build>(id, cancellationToken) is not { Document: var current }) return Unknown(id);
        // The answer to an earlier try may have been lost on the way: saying the same again is not an error.
        if (current.ReportSha256 is not null && current.Lease?.Id == request.LeaseId) return current;
        if (!BuildRules.Holds(current, request.LeaseId, time.GetUtcNow()))
            return Refusal.Conflict(BuildRules.WhyNotHeld(current, request.LeaseId));
        if (ProblemsOf(current, request.Report) is { Count: > 0 } problems) return Refusal.Invalid("The report cannot be taken.", problems);

        var report = await artifacts.StoreAsync(
            JsonSerializer.SerializeToUtf8Bytes(request.Report, FleetJson.Indented.BuildReport), cancellationToken);
        var page = await artifacts.StoreAsync(System.Text.Encoding.UTF8.GetBytes(request.Page), cancellationToken);
        var result = new BuildResult(report, page, BuildRules.WhyNothingToRelease(request.Report));
        var moved = Judge(
            id, request.LeaseId,
            await MoveAsync(id, build => BuildRules.Complete(build, request.LeaseId, result, time.GetUtcNow()), cancellationToken));
        if (moved.Value is { Failure: { } failure }) LogFailed(id, failure);
        else if (moved.Value is { } succeeded)
            LogSucceeded(
                id, succeeded.Spec.Model, request.Report.Variants.Count(variant => variant.Accepted), request.Report.Variants.Count);
        return moved;
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

    /// <summary>Queues builds again whose worker fell silent, or gives them up.</summary>
    public async Task LapseAsync(CancellationToken cancellationToken)
    {
        foreach (var id in await OpenAsync(cancellationToken))
        {
            if (await MoveAsync(id, build => BuildRules.Lapse(build, time.GetUtcNow(), options.MaximumAttempts), cancellationToken)
                is { Changed: true, Build: { } lapsed })
                LogLapsed(id, lapsed.Failure!);
        }
    }

    /// <summary>
    /// Gives every lease its full time again: while the server was down no worker could renew, and an hour of training is not
    /// thrown away for that.
    /// </summary>
    public async Task RenewAllAsync(CancellationToken cancellationToken)
    {
        foreach (var id in await OpenAsync(cancellationToken))
            await MoveAsync(
                id, build => build is { Status: BuildStatus.Running, Lease: { } lease }
                    ? build with { Lease = lease with { ExpiresAt = time.GetUtcNow() + options.LeaseTime } }
                    : null, cancellationToken);
    }

    private async Task<IReadOnlyList<string>> OpenAsync(CancellationToken cancellationToken)
        => [.. (await store.ListAsync<OpenBuild>("", null, options.MaximumOpenBuilds, cancellationToken)).Select(open => open.Id)];

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

    private List<string> ProblemsOf(Build build, BuildReport report)
    {
        var problems = new List<string>();
        if (report.Spec.Model != build.Spec.Model)
            problems.Add($"The report is of model {report.Spec.Model}, the build of {build.Spec.Model}.");
        if (report.Variants.Count is 0 or > Limits.VariantsPerRelease)
            problems.Add($"The report names {report.Variants.Count} variants; 1 to {Limits.VariantsPerRelease} are allowed.");
        foreach (var artifact in report.Variants.Select(variant => variant.Artifact).OfType<ArtifactReference>()
            .Append(report.ValidationSet))
        {
            if (!ArtifactStore.IsDigest(artifact.Sha256))
                problems.Add($"Artifact {artifact.Name} has digest '{artifact.Sha256}', which is not 64 lower-case hexadecimal digits.");
            else if (artifacts.LengthOf(artifact.Sha256) is not { } length)
                problems.Add($"Artifact {artifact.Name} ({artifact.Sha256}) was not uploaded.");
            else if (length != artifact.Bytes)
                problems.Add($"Artifact {artifact.Name} is said to have {artifact.Bytes:#,0} bytes; {length:#,0} were uploaded.");
        }
        foreach (var variant
            in report.Variants.Where(variant => variant is { Accepted: true } and ({ Artifact: null } or { Scores: null })))
            problems.Add($"Variant {variant.Id} is accepted, but has no {(variant.Artifact is null ? "artifact" : "scores")}.");
        return problems;
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

    [LoggerMessage(LogLevel.Information, "Build {Build} goes to worker {Worker}, attempt {Attempt}")]
    private partial void LogLeased(string build, int attempt, string worker);

    [LoggerMessage(LogLevel.Information, "Build {Build} of {Model} succeeded: {Accepted} of {Variants} variants are accepted")]
    private partial void LogSucceeded(string build, string model, int accepted, int variants);

    [LoggerMessage(LogLevel.Error, "Build {Build} failed: {Reason}")]
    private partial void LogFailed(string build, string reason);

    [LoggerMessage(LogLevel.Information, "Build {Build} is cancelled")]
    private partial void LogCancelled(string build);

    [LoggerMessage(LogLevel.Warning, "Build {Build} lost its worker: {Reason}")]
    private partial void LogLapsed(string build, string reason);
}
