using Fleet.Contracts.Trust;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>
/// Withdraws releases. The withdrawal and what follows from it elsewhere are one commit; devices are told by the reconciler.
/// </summary>
internal sealed partial class Withdrawals(
    IFleetStore store, IEnumerable<IWithdrawalObserver> observers, TimeProvider time, ILogger<Withdrawals> logger)
{
    private readonly IWithdrawalObserver[] _observers = [.. observers];

    /// <summary>Withdraws a release for good. Withdrawn once more, it may become stricter, never milder.</summary>
    /// <param name="model">Model name.</param>
    /// <param name="version">Release number.</param>
    /// <param name="keepServing">Devices that serve it go on until another release takes its place.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<Answer<Release>> WithdrawAsync(string model, int version, bool keepServing, CancellationToken cancellationToken)
    {
        var answer = await store.RetryAsync(_ => TryAsync(model, version, keepServing, cancellationToken), cancellationToken);
        if (answer.Problem is null)
        {
            foreach (var observer in _observers) observer.Withdrawn();
        }
        return answer;
    }

    private async Task<Answer<Release>> TryAsync(string model, int version, bool keepServing, CancellationToken cancellationToken)
    {
        var id = Release.IdOf(model, version);
        if (await store.FindAsync<Release>(id, cancellationToken) is not { Document: var release } stored)
            return Refusal.Unknown($"There is no release {model} {version}.");
        var known = await store.FindAsync<Withdrawal>(id, cancellationToken);
        if (known?.Document.Release is { } said && (keepServing || !said.KeepServing)) return release;
        var now = time.GetUtcNow();
        var told = new WithdrawnRelease(release.Model, version, release.Envelope.Digest(), keepServing);
        var withdrawal = new Withdrawal(told, known?.Document.At ?? now, release.ExpiresAt);
        var after = release with { WithdrawnAt = release.WithdrawnAt ?? now };
        var changes = new List<StoreChange> { stored.Change(after), known?.Change(withdrawal) ?? StoreChange.Create(id, withdrawal) };
        foreach (var observer in _observers) changes.AddRange(await observer.WithdrawAsync(told, cancellationToken));
        await store.CommitAsync(changes, cancellationToken);
        LogWithdrawn(model, version, keepServing ? "serve on until another takes its place" : "let go of it");
        return after;
    }

    [LoggerMessage(LogLevel.Warning, "Release {Model} {Version} is withdrawn: devices that serve it {What}")]
    private partial void LogWithdrawn(string model, int version, string what);
}
