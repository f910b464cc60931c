using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Agent.Deployment;
using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Facts;
using Fleet.Agent.Link;
using Fleet.Agent.Orders;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Platform;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Bundles;

/// <summary>
/// Writes what this device has to say into a file for its server. It reads what is on disk, where every change of an agent is whole, and so
/// needs none that runs and disturbs none that does.
/// </summary>
internal sealed class ReportWriter(DataFolder folder, TimeProvider time)
{
    /// <summary>Room for telemetry: the rest of the file is the state and its frame.</summary>
    private const int TelemetryText = Limits.CarriedReportBytes - 2 * Limits.ReportedStateBytes;

    /// <summary>Writes a report.</summary>
    /// <exception cref="EnrollmentException">This device is not enrolled, and nobody would believe it.</exception>
    /// <exception cref="IOException">The file, or the number of the report, could not be written.</exception>
    public ReportAnswer Write(string path)
    {
        var identity = IdentityFile.Read(folder) ?? throw new EnrollmentException(
            $"This device is not enrolled: it has no key to sign a report with. {folder.Identity} does not exist.",
            EnrollmentFailure.NotEnrolled);
        folder.Create();
        using var alone = folder.LockReports();
        var trusted = new TrustedTime(folder, time);
        var credentials = new DeviceCredentials(folder, identity, trusted);
        var written = new WrittenReports(folder);
        var outbox = new Outbox(folder, new LinkOptions(), NullLogger<Outbox>.Instance);
        var packs = CarriedPacks.Of(outbox, TelemetryText);
        // The number first: a report that was not written whole may skip one.
        var number = written.Next(trusted.AccountedFor(), packs.Through);
        var state = StateOf(credentials, trusted, outbox, written);
        var content = JsonSerializer.SerializeToUtf8Bytes(Signed(credentials, state, packs), WireJson.Default.ReportFile);
        DurableFile.Write(path, content);
        return new ReportAnswer
        {
            Device = identity.Device.Value,
            Number = number,
            File = path,
            Bytes = content.Length,
            Models = state.Models.Count,
            Batches = packs.Batches,
            Left = packs.Left,
        };
    }

    private ReportedState StateOf(DeviceCredentials credentials, TrustedTime trusted, Outbox outbox, WrittenReports written)
    {
        var desired = new DesiredFile(folder, credentials, NullLogger<DesiredFile>.Instance);
        var timings = new OrderedTimings(folder, time, NullLogger<OrderedTimings>.Instance);
        var gate = new OrderGate(credentials, desired, new DesiredSlot(), timings, trusted, NullLogger<OrderGate>.Instance);
        var report = new StateReport(
            new Journals(folder, NullLogger<Journals>.Instance), desired, gate, timings, credentials,
            new FactsReader().Read(credentials.Identity.Profile), outbox, written, new DeploymentOptions(), time);
        return StateReport.Fit(report.Current()).State;
    }

    private ReportFile Signed(DeviceCredentials credentials, ReportedState state, CarriedPacks packs)
    {
        var report = new CarriedReport
        {
            Device = credentials.Identity.Device,
            At = time.GetUtcNow(),
            State = state,
            Telemetry = packs.Packs,
        };
        using var key = credentials.Certificate.GetECDsaPrivateKey()!;
        var payload = JsonSerializer.SerializeToUtf8Bytes(report, WireJson.Default.CarriedReport);
        return new ReportFile(credentials.Identity.Certificate, DsseEnvelope.Sign(CarriedReport.PayloadType, payload, key));
    }
}
