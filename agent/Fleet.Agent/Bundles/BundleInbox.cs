using Fleet.Agent.Deployment;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Link;
using Fleet.Agent.Orders;
using Fleet.Agent.Shelf;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Bundles;

/// <summary>
/// Installs what was carried here in files. A bundle is judged by what the device trusts; an order in it passes the same gate as one from
/// the network; and what it asks for goes through the same phases as every deployment. Bundles are taken in the order in which they came,
/// and none waits for how another ends: one that waits for its window must not keep what replaces it from being read.
/// </summary>
internal sealed partial class BundleInbox(
    BundleFolder folder, DeviceCredentials credentials, TrustedTime trusted, OrderGate gate, DesiredFile desired, DesiredSlot slot,
    WithdrawnReleases withdrawn, Journals journals, CarriedArtifacts carried, Outbox outbox, WrittenReports written, TimeProvider time,
    ILogger<BundleInbox> logger) : BackgroundService
{
    /// <summary>How often the folder is looked at: files come now and then, and a device may live on a battery.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>How often a deployment is looked at while a person waits for it.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KeptAnswers = TimeSpan.FromDays(1);

    /// <summary>Bundles that were taken and are not answered yet, by path. Only the loop touches it.</summary>
    private readonly Dictionary<string, Task> _taken = new(StringComparer.Ordinal);

    /// <summary>The place of the last order that came in one.</summary>
    private OrderPlace _ordered;

    private TimeSpan _wait;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            for (var isFirst = true; ; isFirst = false)
            {
                _wait = Interval;
                var any = await TakeAllAsync(stoppingToken);
                // Nothing is left there but by an install, or by an agent before this one.
                if (any || isFirst) Try(() => folder.Tidy(time.GetUtcNow() - KeptAnswers));
                await Task.Delay(_wait, time, stoppingToken);
            }
        }
        finally
        {
            await Task.WhenAll(_taken.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <returns>True when one came, or was answered.</returns>
    private async Task<bool> TakeAllAsync(CancellationToken cancellationToken)
    {
        var ended = _taken.Where(taken => taken.Value.IsCompleted).ToArray();
        foreach (var (path, answered) in ended)
        {
            _taken.Remove(path);
            await answered;
        }
        IReadOnlyList<string> waiting = [];
        Try(() => waiting = [.. folder.Waiting().Where(path => !_taken.ContainsKey(path))]);
        var bundles = new List<CarriedBundle>();
        foreach (var path in waiting)
        {
            await TryAsync(async () =>
            {
                if (await ReadAsync(path, cancellationToken) is { } bundle) bundles.Add(bundle);
            });
        }
        carried.Known();
        foreach (var bundle in bundles)
        {
            // What comes without an order adds to the one that came before it, once that is accepted.
            if (bundle.Order is null && desired.Place < _ordered) continue;
            Try(() => _taken[bundle.Path] = Take(bundle, cancellationToken));
        }
        return ended.Length + waiting.Count > 0;
    }

    /// <summary>Trouble with one file keeps no other waiting, and is over once it is tried again.</summary>
    private async Task TryAsync(Func<Task> work)
    {
        try { await work(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { WaitAfter(e); }
    }

    /// <inheritdoc cref="TryAsync"/>
    private void Try(Action work)
    {
        try { work(); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { WaitAfter(e); }
    }

    private void WaitAfter(Exception trouble)
    {
        LogTrouble(trouble, AfterTrouble);
        _wait = AfterTrouble;
    }

    private async Task<CarriedBundle?> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            var bundle = await CarriedBundle.ReadAsync(path, credentials.Identity.ReleaseKeys, trusted.Latest(), cancellationToken);
            foreach (var (digest, offset) in bundle.Offsets) carried.Add(digest, path, offset);
            return bundle;
        }
        catch (FormatException e)
        {
            Reply(path, new InstallAnswer { Installed = false, Detail = $"This bundle is not trusted: {e.Message}" });
            return null;
        }
    }

    /// <summary>Judges a bundle, and wants what is in it.</summary>
    /// <returns>Its answer, once it is on disk.</returns>
    private Task Take(CarriedBundle bundle, CancellationToken cancellationToken)
    {
        var before = desired.Accepted;
        if (bundle.Order is { } order)
        {
            if (!order.Assignments.Any(one => JournalEntry.DigestOf(one) == bundle.Digest))
                return Refuse(bundle, "The order in it does not name the release in it.");
            if (gate.Receive(order) is { } refused) return Refuse(bundle, refused.Reason);
            _ordered = order.Place();
            Deliver(order);
            return AnswerAsync(bundle, before, _ordered, order.Revision, cancellationToken);
        }
        if (credentials.Root is { } root && root.ExpiresAt <= trusted.Latest())
            return Refuse(bundle, $"The root that this device trusts expired at {root.ExpiresAt:u}: it takes nothing new by it.");
        // Before it is wanted: what is refused here leaves nothing that an agent would try later.
        if (withdrawn.Find(bundle.Digest) is { } gone)
            return Refuse(bundle, gone.Sentence(), DeploymentFailure.ReleaseWithdrawn);
        var wanted = Want(bundle);
        return AnswerAsync(bundle, wanted, wanted.Place(), 0, cancellationToken);
    }

    private Task Refuse(CarriedBundle bundle, string reason, DeploymentFailure failure = DeploymentFailure.None)
    {
        Reply(bundle.Path, Refused(bundle, reason) with { Failure = failure });
        return Task.CompletedTask;
    }

    /// <summary>Forgets telemetry that was carried to the server, as an order that was accepted says.</summary>
    private void Deliver(DesiredState order)
    {
        if (order.Order is not { } envelope || OrderVerifier.Read(envelope)?.ReportNumber is not { } number
            || written.ThroughOf(number) is not { } through) return;
        if (outbox.AcknowledgeThrough(through) is > 0 and var batches) LogDelivered(number, batches);
    }

    /// <summary>Wants the release by the word of who carried it here, until an order of the server says otherwise.</summary>
    private DesiredState Want(CarriedBundle bundle)
    {
        var assignment = new Assignment { Model = bundle.Manifest.Model, Version = bundle.Manifest.Version, Release = bundle.Release };
        var wanted = desired.Change(accepted => (accepted ?? new DesiredState { Revision = 0, Assignments = [] }) with
        {
            Assignments = [.. (accepted?.Assignments ?? []).Where(one => one.Model != assignment.Model), assignment],
        });
        // Who carries it here once more wants it tried once more, as with a higher revision.
        journals.Change(assignment.Model, journal => HasFailed(journal, bundle.Digest)
            ? journal.With(last => last with { Phase = DeploymentPhase.Idle })
            : journal);
        slot.Set(wanted);
        return wanted;
    }

    private static bool HasFailed(ModelJournal journal, string digest)
        => journal.Last is { Phase: DeploymentPhase.RolledBack } last && last.Digest == digest;

    /// <summary>Waits until the release serves, has failed, or is not wanted any more, and says so.</summary>
    /// <param name="bundle">What was carried here.</param>
    /// <param name="before">What was wanted before its order counts.</param>
    /// <param name="place">Where what wants it stands among orders.</param>
    /// <param name="revision">The revision of its order; 0 without one.</param>
    /// <param name="cancellationToken">The agent stops: the next one goes on.</param>
    private async Task AnswerAsync(
        CarriedBundle bundle, DesiredState? before, OrderPlace place, long revision, CancellationToken cancellationToken)
    {
        while (true)
        {
            var journal = journals.Of(bundle.Manifest.Model);
            if (journal.Last is { Phase: DeploymentPhase.Active or DeploymentPhase.RolledBack } last
                && last.Digest == bundle.Digest && last.Revision >= revision)
            {
                await ReplyAsync(bundle, Answer(bundle, journal, last), cancellationToken);
                return;
            }
            var accepted = desired.Accepted;
            if (!ReferenceEquals(accepted, before)
                && accepted?.Assignments.Any(one => JournalEntry.DigestOf(one) == bundle.Digest) == false && accepted.Place() >= place)
            {
                var superseded = Refused(bundle, "Another release is wanted since, by a newer order or a file that came later.");
                await ReplyAsync(bundle, superseded, cancellationToken);
                return;
            }
            await Task.Delay(Step, time, cancellationToken);
        }
    }

    /// <summary>Answers, as soon as the disk takes it: a bundle whose answer is known is not installed once more.</summary>
    private async Task ReplyAsync(CarriedBundle bundle, InstallAnswer answer, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                Reply(bundle.Path, answer);
                return;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                LogTrouble(e, AfterTrouble);
                await Task.Delay(AfterTrouble, time, cancellationToken);
            }
        }
    }

    private InstallAnswer Refused(CarriedBundle bundle, string reason) => new()
    {
        Installed = false,
        Model = bundle.Manifest.Model,
        Version = bundle.Manifest.Version,
        ActiveVersion = journals.Of(bundle.Manifest.Model).Active?.Version,
        Detail = reason,
    };

    private static InstallAnswer Answer(CarriedBundle bundle, ModelJournal journal, JournalEntry last) => new()
    {
        Installed = last.Phase == DeploymentPhase.Active,
        Model = bundle.Manifest.Model,
        Version = bundle.Manifest.Version,
        Variant = last.Variant,
        ActiveVersion = journal.Active?.Version,
        Failure = last.Failure,
        Detail = last.Detail,
    };

    private void Reply(string path, InstallAnswer answer)
    {
        carried.Forget(path);
        if (answer.Installed) LogInstalled(answer.Model!, answer.Version);
        else LogNotInstalled(answer.Model is null ? "A release" : $"{answer.Model} {answer.Version}", answer.Detail);
        BundleFolder.Reply(path, answer);
    }

    [LoggerMessage(LogLevel.Information, "{Model} {Version}, which was carried here in a file, serves.")]
    private partial void LogInstalled(string model, int? version);

    [LoggerMessage(LogLevel.Information, "The server has taken report {Number}; the {Batches} telemetry batches in it are kept no more.")]
    private partial void LogDelivered(long number, int batches);

    [LoggerMessage(LogLevel.Error, "What was carried here could not be taken; the next try is in {Delay}.")]
    private partial void LogTrouble(Exception exception, TimeSpan delay);

    [LoggerMessage(LogLevel.Warning, "{Release}, which was carried here in a file, is not installed: {Reason}")]
    private partial void LogNotInstalled(string release, string reason);
}
