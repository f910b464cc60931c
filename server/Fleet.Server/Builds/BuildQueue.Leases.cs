using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Server.Http;

namespace Fleet.Server.Builds;

/// <summary>The part that lends builds to workers.</summary>
internal sealed partial class BuildQueue
{
    /// <summary>Gives the oldest waiting build to a worker; null when there is none.</summary>
    /// <param name="worker">Who asks, as it calls itself.</param>
    /// <param name="key">The API key that it asks with.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<LeaseResponse?> LeaseAsync(string worker, string key, CancellationToken cancellationToken)
    {
        foreach (var id in await OpenAsync(cancellationToken))
        {
            Build? Lease(Build build)
            {
                var now = time.GetUtcNow();
                return BuildRules.Lease(build, new BuildLease(Guid.NewGuid().ToString("N"), worker, now + options.LeaseTime, key), now);
            }
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

    [LoggerMessage(LogLevel.Information, "Build {Build} goes to worker {Worker}, attempt {Attempt}")]
    private partial void LogLeased(string build, int attempt, string worker);

    [LoggerMessage(LogLevel.Warning, "Build {Build} lost its worker: {Reason}")]
    private partial void LogLapsed(string build, string reason);
}
