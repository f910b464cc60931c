using Fleet.Contracts.Trust;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>A release that was withdrawn, as it is stored, under <see cref="Releases.Release.IdOf"/>.</summary>
/// <param name="Release">What devices are told of it.</param>
/// <param name="At">When it was withdrawn, for the first time.</param>
/// <param name="ExpiresAt">When the release expires: after that no device newly takes it anyway.</param>
internal sealed record Withdrawal(WithdrawnRelease Release, DateTimeOffset At, DateTimeOffset ExpiresAt);

/// <summary>A room in which something rests on a release.</summary>
internal interface IWithdrawalObserver
{
    /// <summary>
    /// What changes in the commit that withdraws the release. Called anew when somebody else changed one of the documents in between.
    /// </summary>
    Task<IReadOnlyList<StoreChange>> WithdrawAsync(WithdrawnRelease release, CancellationToken cancellationToken);

    /// <summary>It is withdrawn; called after the commit. A reminder: must not block or throw.</summary>
    void Withdrawn();
}
