using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Protocol;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Certificates;
using Fleet.Server.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// Takes reports that were carried here in files, from devices that no network reaches. Who wrote one is judged as if it connected, and
/// what is in it goes to the rooms that would have got it from the broker: telemetry first, and the state last, whose number says that all
/// of it is stored. An import that was cut short is repeated as it was.
/// </summary>
internal sealed partial class CarriedReports(
    IFleetStore store, CertificateAuthority authority, IDeviceGate gate, ReportedInbox reported,
    IEnumerable<IDeviceMessageHandler> handlers, IEnumerable<IConnectionObserver> observers, DeviceViews views, TimeProvider time,
    ILogger<CarriedReports> logger)
    : IDeviceEnd, IDisposable
{
    /// <summary>Reasons that are told of telemetry that was not taken.</summary>
    private const int ReasonsTold = 5;

    private readonly IDeviceMessageHandler _telemetry = handlers.Single(handler => handler.Channel == Topics.Telemetry);

    /// <summary>One report after the other: of two of one device the newer must stay.</summary>
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Takes the content of a file.</summary>
    public async Task<Answer<ImportedReportView>> ImportAsync(byte[] content, Caller caller, CancellationToken cancellationToken)
    {
        Proven proven;
        try
        {
            proven = Prove(content);
        }
        catch (FormatException e)
        {
            return Refusal.Invalid($"This is not a report that can be taken: {e.Message}");
        }
        using var certificate = proven.Certificate;
        if (await store.DeviceAsync(caller, proven.Device.Value, cancellationToken) is null)
            return Refusal.Unknown($"There is no device {proven.Device}, which wrote this report.");
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (await IsRepeatedAsync(proven, cancellationToken)) return await ViewAsync(proven, 0, [], cancellationToken, repeated: true);
            return await WhyNotAsync(proven, cancellationToken) ?? await TakeAsync(proven, cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
        => await store.FindAsync<ImportedReport>(device.Value, cancellationToken) is { } imported ? [imported.Removal()] : [];

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private Proven Prove(byte[] content)
    {
        var file = CarriedReportReader.Open(content);
        var certificate = CertificateIn(file);
        try
        {
            var device = authority.IssuedTo(certificate)
                ?? throw new FormatException("The certificate in it was not issued by this server's authority: it is of another fleet.");
            var signer = DeviceSignature.KeyOf(certificate)
                ?? throw new FormatException($"The key of {device} is of a kind that reports are not signed with.");
            var report = CarriedReportReader.Read(file, device, signer, DeviceSignature.Holds);
            if (DeviceRules.ProblemOf(report.State) is { } problem)
                throw new FormatException($"The state in it is not taken: {problem}.");
            return new Proven(certificate, signer, report, Convert.ToHexStringLower(SHA256.HashData(file.Report.Payload)));
        }
        catch
        {
            certificate.Dispose();
            throw;
        }
    }

    private static X509Certificate2 CertificateIn(ReportFile file)
    {
        try
        {
            return X509Certificate2.CreateFromPem(file.Certificate);
        }
        catch (CryptographicException e)
        {
            throw new FormatException($"The certificate in it does not read: {e.Message}", e);
        }
    }

    /// <summary>True when this very report was taken, to its end.</summary>
    private async Task<bool> IsRepeatedAsync(Proven proven, CancellationToken cancellationToken)
        => (await store.FindAsync<ImportedReport>(proven.Device.Value, cancellationToken))?.Document.Digest == proven.Digest
            && await HeardAsync(proven.Device, cancellationToken) >= proven.Number;

    /// <summary>Number of the newest report that the device is known to have written.</summary>
    private async Task<long> HeardAsync(DeviceId device, CancellationToken cancellationToken)
        => (await store.FindAsync<DeviceReported>(device.Value, cancellationToken))?.Document.State.ReportNumber ?? 0;

    private async Task<ApiProblem?> WhyNotAsync(Proven proven, CancellationToken cancellationToken)
    {
        var imported = await store.FindAsync<ImportedReport>(proven.Device.Value, cancellationToken);
        // What an import that was cut short has noted is not yet known to be stored.
        var taken = imported is { Document: var before } && before.Digest != proven.Digest ? before.Number : 0;
        var newest = Math.Max(await HeardAsync(proven.Device, cancellationToken), taken);
        if (proven.Number <= newest)
            return Refusal.Conflict(
                $"Report {proven.Number} of {proven.Device} is not newer than what is known here, which is as of report {newest}: nothing "
                    + "was changed. Write a new one on the device with: fleet-agent report FILE");
        return await gate.WhyRefusedAsync(proven.Device, proven.Certificate, cancellationToken) is { } reason
            ? Refusal.Conflict(
                $"Report {proven.Number} is not taken: {reason}. 'fleet devices unrevoke {proven.Device}' accepts a device again; a "
                    + "certificate that was replaced counts no more, so let the device write a new report")
            : null;
    }

    private async Task<Answer<ImportedReportView>> TakeAsync(Proven proven, CancellationToken cancellationToken)
    {
        var (batches, refused) = (0, new List<string>());
        foreach (var pack in proven.Report.Telemetry)
        {
            var (stored, limit) = await TakeTelemetryAsync(proven.Device, pack, refused, cancellationToken);
            if (limit is not null)
                return Refusal.Conflict(
                    $"Report {proven.Number} of {proven.Device} is not taken whole: {limit}. Import the same file again tomorrow; what was "
                        + "stored is not stored twice");
            batches += stored;
        }
        await store.RetryAsync(async _ =>
        {
            var imported = new ImportedReport(proven.Number, proven.Digest, proven.Report.At, time.GetUtcNow());
            var before = await store.FindAsync<ImportedReport>(proven.Device.Value, cancellationToken);
            await store.CommitAsync(
                [before?.Change(imported) ?? StoreChange.Create(proven.Device.Value, imported)], cancellationToken);
            return imported;
        }, cancellationToken);
        if (await reported.TakeAsync(proven.Device, proven.Report.State, [proven.Signer], carried: true, cancellationToken) is { } refusal)
            return Refusal.Conflict(
                $"The state in report {proven.Number} of {proven.Device} is not taken: {refusal.Reason}. Its telemetry is stored.");
        foreach (var observer in observers) observer.Heard(proven.Device);
        LogImported(proven.Number, proven.Device, batches);
        return await ViewAsync(proven, batches, refused, cancellationToken);
    }

    /// <summary>
    /// Stores a pack as if it had been sent. Where something in it is refused, each batch goes by itself, as the device would do it.
    /// </summary>
    /// <returns>How many batches are stored; and why the device may store no more for now.</returns>
    private async Task<(int Stored, string? Limit)> TakeTelemetryAsync(
        DeviceId device, byte[] pack, List<string> refused, CancellationToken cancellationToken)
    {
        IReadOnlyList<TelemetryBatch> batches = [];
        var refusal = pack.Length <= _telemetry.MaximumBytes
            ? await _telemetry.HandleAsync(device, pack, cancellationToken)
            : new MessageRefusal($"it has {pack.Length:#,0} bytes; at most {_telemetry.MaximumBytes:#,0} are accepted");
        if (refusal is { IsForGood: false }) return (0, refusal.Reason);
        try
        {
            batches = TelemetryPack.Decode(pack);
        }
        catch (FormatException)
        {
            // The room has said what is wrong with it.
        }
        if (refusal is null) return (batches.Count, null);
        if (batches.Count <= 1)
        {
            if (refused.Count < ReasonsTold) refused.Add(refusal.Reason);
            return (0, null);
        }
        var stored = 0;
        foreach (var batch in batches)
        {
            var (one, limit) = await TakeTelemetryAsync(device, TelemetryPack.Encode([batch]), refused, cancellationToken);
            if (limit is not null) return (stored, limit);
            stored += one;
        }
        return (stored, null);
    }

    private async Task<ImportedReportView> ViewAsync(
        Proven proven, int batches, List<string> refused, CancellationToken cancellationToken, bool repeated = false)
    {
        var device = await store.DeviceAsync(proven.Device, cancellationToken)
            ?? throw new InvalidOperationException($"Device {proven.Device} was decommissioned while its report was imported.");
        return new ImportedReportView(
            await views.OfAsync(device.Document, cancellationToken), batches, repeated, refused.Count > 0 ? refused : null);
    }

    /// <summary>A report that its device signed.</summary>
    private sealed record Proven(X509Certificate2 Certificate, ReleaseKey Signer, CarriedReport Report, string Digest)
    {
        public DeviceId Device => Report.Device;

        public long Number => Report.State.ReportNumber!.Value;
    }

    [LoggerMessage(LogLevel.Information, "Report {Number} of device {Device} came in a file, with {Batches} telemetry batches")]
    private partial void LogImported(long number, DeviceId device, int batches);
}

/// <summary>The last report of a device that was carried here in a file, as it is stored, under the device's id.</summary>
/// <param name="Number">Its number, which the device's next order names.</param>
/// <param name="Digest">SHA-256 of what was signed, in hexadecimal.</param>
/// <param name="WrittenAt">When it was written, by the device's clock.</param>
/// <param name="ImportedAt">When it came here.</param>
internal sealed record ImportedReport(long Number, string Digest, DateTimeOffset WrittenAt, DateTimeOffset ImportedAt);
