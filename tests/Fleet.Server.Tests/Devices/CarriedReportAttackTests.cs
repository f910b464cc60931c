using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Enrollment;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Devices;

/// <summary>Somebody hands over a file as the report of a device. Each time nothing that is known of the device changes.</summary>
public sealed class CarriedReportAttackTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;
    private CarriedDevice _device = null!;
    private CarriedDevice _other = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(2, prefix: "site");
        (_device, _other) = (new CarriedDevice(_fleet, "site-00000"), new CarriedDevice(_fleet, "site-00001"));
    }

    public async ValueTask DisposeAsync()
    {
        _device.Dispose();
        _other.Dispose();
        await _fleet.DisposeAsync();
    }

    [Fact]
    public async Task Report_signed_by_the_key_of_another_device_is_refused()
        => await RefusedAsync(
            _device.FileOf(await _device.ReportAsync(100), _other.Key), HttpStatusCode.BadRequest, "not by the key of the certificate");

    [Fact]
    public async Task Report_with_the_certificate_and_the_key_of_another_device_is_refused()
        => await RefusedAsync(
            _device.FileOf(await _device.ReportAsync(100), _other.Key, _other.Issued.Pem), HttpStatusCode.BadRequest,
            "It is of device site-00000; the certificate in it is of site-00001");

    [Fact]
    public async Task Report_of_a_device_of_another_fleet_is_refused()
    {
        await using var foreign = await TestFleet.StartAsync();
        await foreign.EnrollAsync(1, prefix: "site");
        using var stranger = new CarriedDevice(foreign, "site-00000");
        await RefusedAsync(stranger.FileOf(await stranger.ReportAsync(100)), HttpStatusCode.BadRequest, "of another fleet");
    }

    [Fact]
    public async Task Report_that_nobody_signed_is_refused()
    {
        var signed = JsonSerializer.Deserialize(_device.FileOf(await _device.ReportAsync(100)), FleetJson.Default.ReportFile)!.Report;
        await RefusedAsync(_device.FileOf(signed with { Signatures = [] }), HttpStatusCode.BadRequest, "signed by nobody");
    }

    [Fact]
    public async Task Report_of_an_Ed25519_key_is_taken_and_one_that_was_changed_is_not()
    {
        var key = new Ed25519Key();
        var certificate = key.CertificateOf(_device.Id, _fleet.Of<CertificateAuthority>());
        var report = await _device.ReportAsync(100, model => model with { Receipt = key.Sign(model.Receipt!) }, _device.Pack(1));
        var signed = key.Sign(CarriedReport.PayloadType, JsonSerializer.SerializeToUtf8Bytes(report, FleetJson.Default.CarriedReport));
        await RefusedAsync(
            _device.FileOf(signed with { Payload = [.. signed.Payload[..^1], (byte)' ', signed.Payload[^1]] }, certificate),
            HttpStatusCode.BadRequest, "it was changed after it was signed");
        await RefusedAsync(
            _device.FileOf(new Ed25519Key().Sign(signed), certificate), HttpStatusCode.BadRequest, "not by the key of the certificate");
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(signed, certificate));
    }

    [Fact]
    public async Task Receipt_in_the_place_of_a_report_is_refused()
        => await RefusedAsync(
            _device.FileOf(DsseEnvelope.Sign(Receipt.PayloadType, JsonSerializer.SerializeToUtf8Bytes(
                await _device.ReportAsync(100), FleetJson.Default.CarriedReport), _device.Key)),
            HttpStatusCode.BadRequest, Receipt.PayloadType);

    /// <summary>A change of the payload, of the signature, of the certificate or of the frame: some do not even read any more.</summary>
    [Fact]
    public async Task File_with_a_byte_changed_anywhere_is_refused()
    {
        var file = _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(1)));
        var text = Encoding.ASCII.GetString(file);
        var payload = text.IndexOf("\"payload\":\"", StringComparison.Ordinal) + 200;
        var signature = text.IndexOf("\"sig\":\"", StringComparison.Ordinal) + 30;
        var certificate = text.IndexOf("BEGIN CERTIFICATE", StringComparison.Ordinal) + 100;
        foreach (var at in (int[])[0, certificate, payload, signature, file.Length - 1])
        {
            var changed = file.ToArray();
            changed[at] = changed[at] == (byte)'A' ? (byte)'B' : (byte)'A';
            await RefusedAsync(changed, HttpStatusCode.BadRequest, "not a report that can be taken");
        }
    }

    [Fact]
    public async Task File_that_is_cut_short_anywhere_is_refused()
    {
        var file = _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(1)));
        foreach (var length in (int[])[0, 1, file.Length / 3, file.Length / 2, file.Length - 1])
            await RefusedAsync(file[..length], HttpStatusCode.BadRequest, "not a report that can be taken");
    }

    [Fact]
    public async Task Older_report_replayed_after_a_newer_one_is_refused_and_named()
    {
        var older = _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(1)));
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(101)));
        await RefusedAsync(older, HttpStatusCode.Conflict, "as of report 101", known: 101);
    }

    [Fact]
    public async Task Report_replayed_after_the_device_has_said_newer_over_the_network_is_refused()
    {
        var older = _device.FileOf(await _device.ReportAsync(100));
        await _fleet.ReportAsync(_device.Id, (await _device.ReportAsync(100)).State);
        await RefusedAsync(older, HttpStatusCode.Conflict, "as of report 100", known: 100);
    }

    [Fact]
    public async Task Other_report_under_a_number_that_was_imported_is_refused()
    {
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100)));
        await RefusedAsync(
            _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(9))), HttpStatusCode.Conflict,
            "nothing was changed", known: 100);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    public async Task Number_that_is_not_above_zero_is_refused(long number)
        => await RefusedAsync(_device.FileOf(await _device.ReportAsync(number)), HttpStatusCode.BadRequest, "not above 0");

    [Fact]
    public async Task Report_of_a_revoked_device_is_refused()
    {
        await _fleet.RevokeAsync(_device.Id);
        await RefusedAsync(_device.FileOf(await _device.ReportAsync(100)), HttpStatusCode.Conflict, "is revoked");
    }

    [Fact]
    public async Task Report_signed_with_a_key_that_was_replaced_is_refused()
    {
        using var newer = new CarriedDevice(_fleet, "site-00000");
        await _fleet.Store.CommitAsync([StoreChange.Create(
            _device.Id.Value, new DeviceCertificate { Current = _device.Issued }.Reenrolled(newer.Issued))], default);
        await RefusedAsync(_device.FileOf(await _device.ReportAsync(100)), HttpStatusCode.Conflict, "was replaced by a newer one");
        await CarriedDevice.ImportAsync(_fleet, newer.FileOf(await newer.ReportAsync(100)));
    }

    [Fact]
    public async Task State_that_cannot_be_is_refused_before_anything_is_stored()
    {
        var report = await _device.ReportAsync(100, null, _device.Pack(1));
        await RefusedAsync(
            _device.FileOf(report with { State = report.State with { Revision = long.MaxValue } }),
            HttpStatusCode.BadRequest, "is beyond 0");
    }

    [Fact]
    public async Task State_larger_than_one_over_the_network_is_refused()
    {
        var report = await _device.ReportAsync(100);
        var trust = new Contracts.Trust.TrustReport { Root = 1, Detail = new string('x', Limits.ReportedStateBytes) };
        await RefusedAsync(
            _device.FileOf(report with { State = report.State with { Trust = trust } }), HttpStatusCode.BadRequest, "65,536");
    }

    [Fact]
    public async Task Signed_part_past_its_limit_is_refused()
    {
        var pack = new byte[Limits.CarriedReportBytes * 3 / 4];
        await RefusedAsync(_device.FileOf(await _device.ReportAsync(100, null, pack)), HttpStatusCode.BadRequest, "8,388,608");
    }

    [Fact]
    public async Task Operator_of_other_devices_imports_nothing_and_learns_nothing()
    {
        var made = await _fleet.Http.PostAsync("/api/v1/api-keys", new StringContent(
            """{"name":"berlin","roles":["operator"],"filter":"label.site=berlin"}""", Encoding.UTF8, "application/json"));
        var body = await made.Content.ReadAsStringAsync();
        Assert.True(made.IsSuccessStatusCode, body);
        using var limited = new HttpClient { BaseAddress = _fleet.Http.BaseAddress };
        limited.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", JsonSerializer.Deserialize(body, FleetJson.Default.CreateApiKeyResponse)!.Key);
        using var unknown = new CarriedDevice(_fleet, "site-00009");
        var answers = new List<string>();
        foreach (var device in (CarriedDevice[])[_device, unknown])
        {
            using var answer = await limited.PostAsync(
                "/api/v1/reports", new ByteArrayContent(device.FileOf(await device.ReportAsync(100))));
            answers.Add($"{answer.StatusCode} "
                + $"{(await answer.Content.ReadAsStringAsync()).Replace(device.Id.Value, "ID", StringComparison.Ordinal)}");
        }
        Assert.StartsWith("NotFound", answers[0], StringComparison.Ordinal);
        Assert.Equal(answers[1], answers[0]);
        await UnchangedAsync(0);
    }

    private async Task RefusedAsync(byte[] file, HttpStatusCode status, string why, long known = 0)
    {
        using var answer = await _fleet.Http.PostAsync("/api/v1/reports", new ByteArrayContent(file));
        var body = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == status, $"{answer.StatusCode} {body}");
        var problem = JsonSerializer.Deserialize(body, FleetJson.Default.ApiProblem)!;
        Assert.Contains(why, string.Join(' ', problem.Problems.Prepend(problem.Title)), StringComparison.Ordinal);
        await UnchangedAsync(known);
    }

    private async Task UnchangedAsync(long known)
    {
        foreach (var id in (DeviceId[])[_device.Id, _other.Id])
        {
            var reported = await _fleet.Store.FindAsync<DeviceReported>(id.Value, default);
            Assert.Equal(id == _device.Id ? known : 0, reported?.Document.State.ReportNumber ?? 0);
        }
        Assert.Empty(await _fleet.Store.SamplesAsync(DateTimeOffset.MinValue, default).ToListAsync());
    }
}
