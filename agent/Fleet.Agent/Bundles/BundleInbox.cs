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
/// the network; and what it asks for goes through the same phases as every deployment.
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

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var isFirst = true; ; isFirst = false)
        {
            var wait = Interval;
            try
            {
                // Nothing is left there but by an install, or by an agent before this one.
                if (await TakeAllAsync(stoppingToken) || isFirst) folder.Tidy(time.GetUtcNow() - KeptAnswers);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                LogTrouble(e, AfterTrouble);
                wait = AfterTrouble;
            }
            finally
            {
                carried.Known();
            }
            await Task.Delay(wait, time, stoppingToken);
        }
    }

    /// <returns>True when there was any.</returns>
    private async Task<bool> TakeAllAsync(CancellationToken cancellationToken)
    {
        var waiting = folder.Waiting();
        var bundles = new List<CarriedBundle>();
        foreach (var path in waiting)
        {
            if (await ReadAsync(path, cancellationToken) is { } bundle) bundles.Add(bundle);
        }
        carried.Known();
        foreach (var bundle in bundles) Reply(bundle.Path, await InstallAsync(bundle, cancellationToken));
        return waiting.Count > 0;
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

    private async Task<InstallAnswer> InstallAsync(CarriedBundle bundle, CancellationToken cancellationToken)
    {
        var before = desired.Accepted;
        if (bundle.Order is { } order)
        {
            if (!order.Assignments.Any(one => JournalEntry.DigestOf(one) == bundle.Digest))
                return Refused(bundle, "The order in it does not name the release in it.");
            if (gate.Receive(order) is { } refused) return Refused(bundle, refused.Reason);
            Deliver(order);
        }
        else
        {
            if (credentials.Root is { } root && root.ExpiresAt <= trusted.Latest())
                return Refused(bundle, $"The root that this device trusts expired at {root.ExpiresAt:u}: it takes nothing new by it.");
            // Before it is wanted: what is refused here leaves nothing that an agent would try later.
            if (withdrawn.Find(bundle.Digest) is { } gone)
                return Refused(bundle, gone.Sentence()) with { Failure = DeploymentFailure.ReleaseWithdrawn };
            before = Want(bundle);
        }
        return await EndAsync(bundle, before, bundle.Order?.Revision ?? 0, cancellationToken);
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

    /// <summary>Waits until the release serves, has failed, or is not wanted any more.</summary>
    private async Task<InstallAnswer> EndAsync(
        CarriedBundle bundle, DesiredState? before, long revision, CancellationToken cancellationToken)
    {
        while (true)
        {
            var journal = journals.Of(bundle.Manifest.Model);
            if (journal.Last is { Phase: DeploymentPhase.Active or DeploymentPhase.RolledBack } last
                && last.Digest == bundle.Digest && last.Revision >= revision)
                return Answer(bundle, journal, last);
            var accepted = desired.Accepted;
            if (!ReferenceEquals(accepted, before)
                && accepted?.Assignments.Any(one => JournalEntry.DigestOf(one) == bundle.Digest) != true)
                return Refused(bundle, "A newer order of the server wants another release.");
            await Task.Delay(Step, time, cancellationToken);
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
