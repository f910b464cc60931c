using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Link;
using Fleet.Agent.Orders;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>
/// Tells the server where every model stands, always in full. The journals are the copy on disk: a report is built from them after
/// any restart, so that only the newest ever waits.
/// </summary>
internal sealed class StateReport(
    Journals journals, DesiredFile desired, OrderGate gate, OrderedTimings timings, DeviceCredentials credentials, DeviceFacts facts,
    Outbox outbox, WrittenReports written, DeploymentOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, (long Bytes, long ReportedAt)> _downloaded = new(StringComparer.Ordinal);

    private readonly Lock _lock = new();

    /// <summary>Queues the current state in the outbox. Of two that are sent at once, the one that was built last is queued last.</summary>
    public void Send()
    {
        lock (_lock)
        {
            var current = Current();
            outbox.SetReported(new QueuedReport(Serialize(current with { Order = null }), () => Serialize(current)));
        }
    }

    /// <summary>Records how far a download is, and reports it now and then.</summary>
    public void Progress(string model, long bytes)
    {
        var now = time.GetTimestamp();
        var known = _downloaded.GetValueOrDefault(model);
        var due = known.ReportedAt == 0 || time.GetElapsedTime(known.ReportedAt, now) >= options.ProgressInterval;
        _downloaded[model] = (bytes, due ? now : known.ReportedAt);
        if (due) Send();
    }

    /// <summary>The current state, with the order that it answers.</summary>
    public ReportedState Current()
    {
        var accepted = desired.Accepted;
        return Of(accepted?.Revision ?? 0) with { Order = accepted?.Order };
    }

    private ReportedState Of(long revision) => new()
    {
        Revision = revision,
        Facts = facts,
        Trust = gate.Report(),
        ReportNumber = written.Newest,
        Timings = timings.Answers,
        Models = [.. journals.All.Values.Where(journal => journal.Last is not null).Select(journal => Of(journal, revision))],
    };

    private ReportedModel Of(ModelJournal journal, long revision)
    {
        var last = journal.Last!;
        return new ReportedModel
        {
            Model = journal.Model,
            Version = last.Version,
            Phase = last.Phase,
            Since = last.Since,
            Failure = last.Failure,
            Detail = last.Detail,
            Variant = last.Variant,
            Measured = last.Measured,
            Times = last.Times,
            Receipt = last is { Variant: not null, Measured: not null } ? ReceiptOf(last, journal.Model, revision) : null,
            ActiveVersion = journal.Active?.Version,
            ActiveVariant = journal.Active?.Variant.Id,
            PreviousVersion = journal.Previous?.Version,
            DownloadedBytes = last.Phase == DeploymentPhase.Downloading ? _downloaded.GetValueOrDefault(journal.Model).Bytes : 0,
        };
    }

    // Signed anew for each report: a receipt answers the revision of its report and no other.
    private DsseEnvelope? ReceiptOf(JournalEntry last, string model, long revision)
    {
        using var key = credentials.Certificate.GetECDsaPrivateKey();
        if (key is null) return null;
        var receipt = new Receipt
        {
            Device = credentials.Identity.Device,
            Revision = revision,
            Model = model,
            Version = last.Version,
            Release = last.Digest,
            Variant = last.Variant!,
            Measured = last.Measured!,
            At = time.GetUtcNow(),
        };
        return DsseEnvelope.Sign(Receipt.PayloadType, JsonSerializer.SerializeToUtf8Bytes(receipt, WireJson.Default.Receipt), key);
    }

    /// <summary>The bytes of a report that <see cref="Fit"/> makes.</summary>
    internal static byte[] Serialize(ReportedState state) => Fit(state).Bytes;

    /// <summary>
    /// A report and its bytes. Where many models would exceed what the server reads, times of variants and for builds are left out
    /// first, then details are shortened, and the order is left out last.
    /// </summary>
    internal static (ReportedState State, byte[] Bytes) Fit(ReportedState state)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(state, WireJson.Default.ReportedState);
        if (bytes.Length > Limits.ReportedStateBytes && (state.Timings?.Count > 0 || state.Models.Any(model => model.Times is not null)))
            return Fit(state with { Timings = [], Models = [.. state.Models.Select(model => model with { Times = null })] });
        for (var length = 500; bytes.Length > Limits.ReportedStateBytes && length > 0; length /= 2)
        {
            state = state with { Models = [.. state.Models.Select(model => model with { Detail = Shortened(model.Detail, length) })] };
            bytes = JsonSerializer.SerializeToUtf8Bytes(state, WireJson.Default.ReportedState);
        }
        return bytes.Length > Limits.ReportedStateBytes && state.Order is not null ? Fit(state with { Order = null }) : (state, bytes);

        static string Shortened(string detail, int length) => detail.Length > length ? detail[..length] : detail;
    }
}
