using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Server.Certificates;
using Fleet.Server.Releases;

namespace Fleet.Server.Tests.Devices;

/// <summary>A device that no network reaches, with what it needs to write reports: its key and its certificate.</summary>
internal sealed class CarriedDevice(TestFleet fleet, string id, TimeSpan? lifetime = null, CertificateAuthority? authority = null)
    : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private IssuedCertificate? _issued;

    public DeviceId Id { get; } = DeviceId.Parse(id);

    public ECDsa Key => _key;

    public IssuedCertificate Issued => _issued ??= (authority ?? fleet.Of<CertificateAuthority>()).IssueDevice(
        Id, new PublicKey(_key), lifetime ?? TimeSpan.FromDays(1));

    public void Dispose() => _key.Dispose();

    /// <summary>A report that says that the device serves what it should, with a receipt, as its agent writes it.</summary>
    public async Task<CarriedReport> ReportAsync(
        long number, Func<ReportedModel, ReportedModel>? change = null, params IReadOnlyList<byte[]> telemetry)
    {
        var desired = await fleet.DesiredAsync(Id);
        var models = new List<ReportedModel>();
        foreach (var told in desired.Assignments)
        {
            var model = await fleet.ModelAsync(told.Model, told.Version, DeploymentPhase.Active);
            models.Add((change ?? (same => same))(model with { Receipt = await ReceiptAsync(model, desired.Revision) }));
        }
        return new CarriedReport
        {
            Device = Id,
            At = fleet.Clock.GetUtcNow(),
            State = new ReportedState
            {
                Revision = desired.Revision,
                Facts = new DeviceFacts { Architecture = "x64" },
                Models = models,
                ReportNumber = number,
            },
            Telemetry = telemetry,
        };
    }

    /// <summary>The file of a report.</summary>
    public byte[] FileOf(CarriedReport report, ECDsa? key = null, string? certificate = null)
        => FileOf(DsseEnvelope.Sign(
            CarriedReport.PayloadType, JsonSerializer.SerializeToUtf8Bytes(report, FleetJson.Default.CarriedReport), key ?? _key),
                certificate);

    /// <summary>The file of whatever was signed.</summary>
    public byte[] FileOf(DsseEnvelope envelope, string? certificate = null)
        => JsonSerializer.SerializeToUtf8Bytes(new ReportFile(certificate ?? Issued.Pem, envelope), FleetJson.Default.ReportFile);

    /// <summary>A pack of telemetry, a batch for each sequence number.</summary>
    public byte[] Pack(params IReadOnlyList<long> sequences) => TelemetryPack.Encode([.. sequences.Select(Batch)]);

    public TelemetryBatch Batch(long sequence)
    {
        var latency = new LatencyHistogram { Buckets = [LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(1))], Counts = [1] };
        var from = fleet.Clock.GetUtcNow() - TimeSpan.FromMinutes(30) + TimeSpan.FromSeconds(sequence);
        return new TelemetryBatch
        {
            Sequence = sequence,
            From = from,
            To = from.AddSeconds(1),
            Models = [new InferenceStats { Model = "speech", Version = 1, Variant = "x64-int8", Count = 1, Latency = latency }],
        };
    }

    /// <summary>Imports a file as an operator does.</summary>
    public static async Task<ImportedReportView> ImportAsync(TestFleet fleet, byte[] file)
    {
        using var answer = await fleet.Http.PostAsync("/api/v1/reports", new ByteArrayContent(file));
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, body);
        return JsonSerializer.Deserialize(body, FleetJson.Default.ImportedReportView)!;
    }

    /// <summary>The same, whatever comes of it.</summary>
    public static async Task TryImportAsync(TestFleet fleet, byte[] file)
    {
        using var answer = await fleet.Http.PostAsync("/api/v1/reports", new ByteArrayContent(file));
        Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Conflict, $"{answer.StatusCode}");
    }

    private async Task<DsseEnvelope> ReceiptAsync(ReportedModel model, long revision)
    {
        var release = await fleet.Store.FindAsync<Release>(Release.IdOf(model.Model, model.Version), default);
        var receipt = new Receipt
        {
            Device = Id,
            Revision = revision,
            Model = model.Model,
            Version = model.Version,
            Release = release!.Document.Envelope.Digest(),
            Variant = model.Variant!,
            Measured = model.Measured!,
            At = fleet.Clock.GetUtcNow(),
        };
        return DsseEnvelope.Sign(Receipt.PayloadType, JsonSerializer.SerializeToUtf8Bytes(receipt, FleetJson.Default.Receipt), _key);
    }
}
