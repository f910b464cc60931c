using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Trust;
using Fleet.Server.Devices;
using Fleet.Server.Events;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Devices;

/// <summary>Reports of devices that no network reaches count as if they had come over one.</summary>
public sealed class CarriedReportTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;
    private CarriedDevice _device = null!;
    private Release _release = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(1, prefix: "site");
        _device = new CarriedDevice(_fleet, "site-00000");
        _release = await _fleet.ReleaseAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _device.Dispose();
        await _fleet.DisposeAsync();
    }

    [Fact]
    public async Task Wave_with_a_device_that_never_connects_finishes_with_its_report()
    {
        var rollout = await ToldAsync();
        var imported = await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100)));
        Assert.Equal((100, 1), (imported.Device.Report?.Number, imported.Device.Models.Single().ActiveVersion));
        Assert.NotNull(imported.Device.Models.Single().Receipt);
        Assert.NotNull(imported.Device.LastSeenAt);
        await _fleet.UntilAsync(rollout, "succeeds", view => view.Status == RolloutStatus.Succeeded);
    }

    [Fact]
    public async Task Failure_on_a_device_that_never_connects_fails_its_wave_with_its_words()
    {
        var rollout = await ToldAsync();
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100, model => model with
        {
            Phase = DeploymentPhase.RolledBack,
            Failure = DeploymentFailure.GateMissed,
            Detail = "Accuracy 0.5 is below the required 0.93.",
            ActiveVersion = null,
            ActiveVariant = null,
        })));
        var ended = await _fleet.UntilAsync(
            rollout, "is aborted", view => view.Status is RolloutStatus.Aborted or RolloutStatus.RolledBack);
        Assert.Equal((DeploymentFailure.GateMissed, "Accuracy 0.5 is below the required 0.93."),
            (ended.Devices.Single().Failure, ended.Devices.Single().Detail));
    }

    [Fact]
    public async Task Telemetry_of_a_report_is_stored_and_the_same_file_once_more_changes_nothing()
    {
        var file = _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(1, 2, 3), _device.Pack(4)));
        var first = await CarriedDevice.ImportAsync(_fleet, file);
        Assert.Equal((4, false), (first.Batches, first.Repeated));
        Assert.Null(first.Refused);
        var second = await CarriedDevice.ImportAsync(_fleet, file);
        Assert.Equal((0, true), (second.Batches, second.Repeated));
        Assert.Equal((4, 4L), await StoredAsync());
    }

    [Fact]
    public async Task Telemetry_that_comes_again_in_a_newer_report_is_counted_once()
    {
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(1, 2))));
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(101, null, _device.Pack(1, 2, 3))));
        Assert.Equal((3, 3L), await StoredAsync());
    }

    [Fact]
    public async Task Batch_that_cannot_be_takes_no_other_with_it_and_is_named()
    {
        var broken = _device.Batch(2) with { From = _fleet.Clock.GetUtcNow().AddDays(1) };
        var pack = TelemetryPack.Encode([_device.Batch(1), broken, _device.Batch(3)]);
        var imported = await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100, null, pack, [1, 2, 3])));
        Assert.Equal(2, imported.Batches);
        Assert.Equal(2, imported.Refused?.Count);
        Assert.Contains("before it begins", imported.Refused![0], StringComparison.Ordinal);
        Assert.Equal((2, 2L), await StoredAsync());
    }

    [Fact]
    public async Task Next_order_to_the_device_says_which_report_arrived()
    {
        await ToldAsync();
        Assert.Null((await OrderAsync()).ReportNumber);
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100)));
        Assert.Equal(100, (await OrderAsync()).ReportNumber);
    }

    [Fact]
    public async Task Import_that_was_cut_short_is_repeated_with_the_same_file()
    {
        var report = await _device.ReportAsync(100, null, _device.Pack(1, 2));
        var file = _device.FileOf(report);
        // The server ended between the two commits: the telemetry is stored, the state is not.
        var digest = Convert.ToHexStringLower(
            SHA256.HashData(JsonSerializer.Deserialize(file, FleetJson.Default.ReportFile)!.Report.Payload));
        await _fleet.Store.CommitAsync(
            [StoreChange.Create(_device.Id.Value, new ImportedReport(100, digest, report.At, _fleet.Clock.GetUtcNow()))], default);
        var imported = await CarriedDevice.ImportAsync(_fleet, file);
        Assert.Equal((2, false), (imported.Batches, imported.Repeated));
        Assert.Equal((2, 2L), await StoredAsync());
    }

    /// <summary>Where no network is, nothing renews: what the device's newest key signs counts after its certificate has ended.</summary>
    [Fact]
    public async Task Report_of_a_device_whose_certificate_has_ended_counts()
    {
        using var ended = new CarriedDevice(_fleet, "site-00000", TimeSpan.FromMinutes(10));
        _ = ended.Issued;
        _fleet.Later(TimeSpan.FromDays(400));
        Assert.Equal(100, (await CarriedDevice.ImportAsync(_fleet, ended.FileOf(await ended.ReportAsync(100)))).Device.Report?.Number);
    }

    [Fact]
    public async Task Import_has_a_line_in_the_audit_trail_that_says_which_device_said_what()
    {
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100)));
        var lines = await _fleet.Http.GetStringAsync(new Uri("/api/v1/audit", UriKind.Relative));
        Assert.Contains("POST /api/v1/reports", lines, StringComparison.Ordinal);
        Assert.Contains("importedReport site-00000", lines.Replace("/", " ", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_of_a_report_is_left_to_the_next_device_of_its_id()
    {
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100)));
        using var answer = await _fleet.Http.DeleteAsync(new Uri("/api/v1/devices/site-00000", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Null(await _fleet.Store.FindAsync<ImportedReport>("site-00000", default));
    }

    /// <summary>A device that is carried for gets its network back while an operator imports what it wrote before.</summary>
    [Fact]
    public async Task Report_in_a_file_never_takes_the_place_of_what_its_device_says_over_the_network_in_the_same_moment()
    {
        for (var number = 1; number <= 25; number++)
        {
            var carried = await _device.ReportAsync(number);
            var newer = carried.State with { Facts = carried.State.Facts with { AgentVersion = $"newer than {number}" } };
            await Task.WhenAll(
                Task.Run(() => CarriedDevice.TryImportAsync(_fleet, _device.FileOf(carried))),
                Task.Run(() => _fleet.ReportAsync(_device.Id, newer)));
            var stored = (await _fleet.Store.FindAsync<DeviceReported>(_device.Id.Value, default))!.Document.State;
            Assert.Equal((number, $"newer than {number}"), (stored.ReportNumber, stored.Facts.AgentVersion));
        }
    }

    /// <summary>What the device says comes after the import has looked whether it is newer, and before it writes.</summary>
    [Fact]
    public async Task State_of_a_report_is_left_out_when_its_device_says_newer_before_it_is_written()
    {
        var carried = await _device.ReportAsync(100);
        await _fleet.ReportAsync(_device.Id, carried.State with { Facts = carried.State.Facts with { AgentVersion = "newer" } });
        var refusal = await _fleet.Of<ReportedInbox>().TakeAsync(_device.Id, carried.State, [], carried: true, default);
        Assert.Equal("meanwhile the device has said what is newer over the network, which is as of report 100", refusal?.Reason);
        Assert.Equal("newer",
            (await _fleet.Store.FindAsync<DeviceReported>(_device.Id.Value, default))!.Document.State.Facts.AgentVersion);
    }

    [Fact]
    public async Task Import_wakes_whoever_follows_telemetry_and_the_page_of_the_device_says_when_its_report_came()
    {
        using var reader = _fleet.Of<ChangeFeed>().Subscribe(null)!;
        await CarriedDevice.ImportAsync(_fleet, _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(1))));
        Assert.Contains(new ChangeView(ChangeKind.Telemetry), reader.Take().Changes);
        var page = await _fleet.Http.GetStringAsync(new Uri("/devices/site-00000", UriKind.Relative));
        Assert.Contains("Report 100 of", page, StringComparison.Ordinal);
        Assert.Contains("came in a file, imported", page, StringComparison.Ordinal);
    }

    private async Task<string> ToldAsync()
    {
        var rollout = (await _fleet.RollOutAsync(TestFleet.PlanOf(_release) with { PhaseDeadline = TimeSpan.FromDays(30) })).Id;
        await _fleet.UntilAsync(rollout, "told it", view => view.Devices.All(one => one.Status == DeviceRolloutStatus.Running));
        return rollout;
    }

    private async Task<DeviceOrder> OrderAsync()
    {
        var (state, problem) = await _fleet.Of<OrderedStates>().OfAsync(_device.Id, default);
        Assert.True(state is not null, problem);
        return OrderVerifier.Read(state.Order!)!;
    }

    private async Task<(int Batches, long Count)> StoredAsync()
    {
        var told = await _fleet.Http.GetStringAsync(new Uri("/api/v1/telemetry?device=site-00000", UriKind.Relative));
        var view = Assert.Single(JsonSerializer.Deserialize(told, FleetJson.Default.IReadOnlyListTelemetryView)!);
        return (view.Batches, view.Count);
    }
}
