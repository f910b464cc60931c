using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Link;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Bundles;

/// <summary>Reports that leave a device in a file, with the real agent.</summary>
public sealed class ReportTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Device_without_an_agent_that_runs_writes_what_serves_and_what_was_measured_with_its_receipt()
    {
        await using var site = await Carrying.StartAsync();
        var assignment = TestRelease.Assign(site.Server, 3);
        Assert.True((await site.InstallAsync(CarriedFile.Of(
            site.Server, assignment, site.Server.Fleet.Desired("dev-1", 5, assignment)))).Installed);

        var (answer, report) = await site.ReportAsync();
        Assert.Equal((answer.Number, 5L), (report.State.ReportNumber, report.State.Revision));
        var model = Assert.Single(report.State.Models);
        Assert.Equal((DeploymentPhase.Active, 3, "x64-fp32"), (model.Phase, model.ActiveVersion, model.ActiveVariant));
        Assert.Null(ReceiptVerifier.ProblemOf(
            model.Receipt!, [KeyOf(site.Agent.Data)], DeviceId.Parse("dev-1"), 5, model, assignment.Release.Digest()));
        Assert.Empty(site.Server.Connections);
    }

    [Fact]
    public async Task Failure_is_written_with_its_words()
    {
        await using var site = await Carrying.StartAsync();
        Assert.False((await site.InstallAsync(CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, 2, factor: -1)))).Installed);
        var model = Assert.Single((await site.ReportAsync()).Report.State.Models);
        Assert.Equal((DeploymentPhase.RolledBack, DeploymentFailure.GateMissed), (model.Phase, model.Failure));
        Assert.NotEmpty(model.Detail);
    }

    [Fact]
    public async Task Agent_that_runs_without_a_network_keeps_its_telemetry_until_an_order_says_that_the_report_arrived()
    {
        await using var site = await Carrying.StartAsync(broker: "localhost:1");
        site.Agent.Start("Telemetry:Interval=00:00:01");
        await Eventually.TrueAsync("telemetry waits", () => Waiting(site).Count >= 2, Deadline, () => site.Agent.Process.Output);
        var (answer, report) = await site.ReportAsync();
        var carried = report.Telemetry.SelectMany(pack => TelemetryPack.Decode(pack)).Select(batch => batch.Sequence).ToList();
        Assert.Equal((carried.Count, 0), (answer.Batches, answer.Left));
        Assert.Equal(Enumerable.Range(1, carried.Count).Select(n => (long)n), carried);

        // Of a report that this device does not know nothing follows.
        await InstallAsync(site, 1, answer.Number + 1);
        Assert.Empty(carried.Except(Waiting(site)));
        await InstallAsync(site, 2, answer.Number);
        Assert.Empty(carried.Intersect(Waiting(site)));
        await Eventually.TrueAsync("it goes on", () => Waiting(site).Count > 0, Deadline, () => site.Agent.Process.Output);
        var (next, later) = await site.ReportAsync();
        Assert.True(next.Number > answer.Number);
        Assert.Empty(carried.Intersect(later.Telemetry.SelectMany(pack => TelemetryPack.Decode(pack)).Select(batch => batch.Sequence)));
    }

    /// <summary>Its server then knows that every report up to that one is behind what it hears now.</summary>
    [Fact]
    public async Task Device_that_gets_a_network_says_the_number_of_its_last_report()
    {
        await using var site = await Carrying.StartAsync();
        var (answer, _) = await site.ReportAsync();
        site.Agent.Start();
        await Eventually.TrueAsync(
            "the report names it", () => site.Server.Reports.Any(report => report.ReportNumber == answer.Number), Deadline,
            () => site.Agent.Process.Output);
    }

    [Fact]
    public async Task Report_that_could_not_be_written_names_the_path_leaves_nothing_and_skips_its_number()
    {
        await using var site = await Carrying.StartAsync();
        var (first, _) = await site.ReportAsync();
        using var media = new TemporaryFolder();
        var failed = await site.Agent.RunAsync("report", media["not-mounted", "dev-1.report"]);
        Assert.Equal(1, failed.Code);
        Assert.Contains("not-mounted", failed.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(media.Path));
        Assert.True((await site.ReportAsync()).Answer.Number > first.Number + 1);
    }

    [Fact]
    public async Task Device_that_is_not_enrolled_says_so_and_writes_nothing()
    {
        using var folder = new TemporaryFolder();
        var result = await ChildProcess.RunAsync(
            Programs.Agent, ["report", "--data", folder["data"], folder["dev-1.report"]], Deadline);
        Assert.Equal(3, result.Code);
        Assert.Contains("not enrolled", result.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void File_has_room_for_the_oldest_telemetry_and_says_how_much_is_left()
    {
        using var folder = new TemporaryFolder();
        var data = new Disk.DataFolder(folder.Path);
        data.Create();
        var outbox = new Outbox(data, new LinkOptions(), NullLogger<Outbox>.Instance);
        for (var sequence = 1; sequence <= 3 * Limits.BatchesPerPack; sequence++)
            outbox.Add(sequence, JsonSerializer.SerializeToUtf8Bytes(Batch(sequence), WireJson.Default.TelemetryBatch));
        var all = CarriedPacks.Of(outbox, int.MaxValue);
        Assert.Equal((3, 180, 0, 180L), (all.Packs.Count, all.Batches, all.Left, all.Through));
        var text = all.Packs.Take(2).Sum(pack => Convert.ToBase64String(pack).Length);
        var some = CarriedPacks.Of(outbox, text);
        Assert.Equal((2, 120, 60, 120L), (some.Packs.Count, some.Batches, some.Left, some.Through));
        var fewer = CarriedPacks.Of(outbox, text - 1);
        Assert.Equal((1, 60, 120, 60L), (fewer.Packs.Count, fewer.Batches, fewer.Left, fewer.Through));
    }

    [Fact]
    public void Numbers_follow_the_time_that_is_accounted_for_and_never_go_back()
    {
        using var folder = new TemporaryFolder();
        var written = new WrittenReports(new Disk.DataFolder(folder.Path));
        Assert.Null(written.Newest);
        Assert.Equal(1000, written.Next(DateTimeOffset.FromUnixTimeSeconds(1000), 7));
        Assert.Equal(1001, written.Next(DateTimeOffset.FromUnixTimeSeconds(1000), 8));
        Assert.Equal(1002, written.Next(DateTimeOffset.UnixEpoch, 9));
        for (var n = 0; n < 14; n++) written.Next(DateTimeOffset.UnixEpoch, 20 + n);
        Assert.Equal((1016, 33L, 8L, (long?)null),
            (written.Newest, written.ThroughOf(1016), written.ThroughOf(1001), written.ThroughOf(1000)));
        File.WriteAllText(new Disk.DataFolder(folder.Path).WrittenReports, "broken");
        Assert.Null(written.Newest);
    }

    private static async Task InstallAsync(Carrying site, int version, long reportNumber)
    {
        var assignment = TestRelease.Assign(site.Server, version);
        var order = site.Server.Fleet.Order("dev-1", version, assignment) with { ReportNumber = reportNumber };
        var state = site.Server.Fleet.Desired("dev-1", version, assignment) with { Order = site.Server.Fleet.Sign(order) };
        var answer = await site.InstallAsync(CarriedFile.Of(site.Server, assignment, state));
        Assert.True(answer.Installed, answer.Detail);
    }

    private static IReadOnlyList<long> Waiting(Carrying site)
        => new Outbox(site.Agent.Data, new LinkOptions(), NullLogger<Outbox>.Instance).Waiting();

    private static TelemetryBatch Batch(long sequence) => new()
    {
        Sequence = sequence,
        From = DateTimeOffset.UnixEpoch.AddSeconds(sequence),
        To = DateTimeOffset.UnixEpoch.AddSeconds(sequence + 1),
        Models = [],
    };

    private static ReleaseKey KeyOf(Disk.DataFolder data)
    {
        using var certificate = X509Certificate2.CreateFromPem(IdentityFile.Read(data)!.Certificate);
        using var key = certificate.GetECDsaPublicKey()!;
        return ReleaseKey.Of(key.ExportSubjectPublicKeyInfo());
    }
}
