using System.Text.Json;
using Fleet.Agent.Bundles;
using Fleet.Agent.Link;
using Fleet.Agent.Shelf;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.State;
using Fleet.Contracts.Telemetry;
using Fleet.Contracts.Trust;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Shelf;

/// <summary>On a disk that is really full.</summary>
public sealed class FullDiskTests
{
    [Fact]
    public async Task Disk_that_fills_up_during_the_download_gives_its_space_back_and_loses_nothing()
    {
        await using var disk = await SmallDisk.MountAsync(mebibytes: 2);
        await using var fixture = await ShelfFixture.StartAsync(disk.Path);
        var kept = fixture.Server.Store("kept.onnx", ShelfFixture.Content(200_000));
        await fixture.Download.FetchAsync(kept, _ => { }, CancellationToken.None);

        var large = fixture.Server.Store("large.onnx", ShelfFixture.Content(3_000_000));
        var failed = await Assert.ThrowsAsync<ArtifactException>(
            () => fixture.Download.FetchAsync(large, _ => { }, CancellationToken.None));

        Assert.Equal(DeploymentFailure.DiskFull, failed.Failure);
        Assert.Empty(Directory.EnumerateFiles(fixture.Data.Staging));
        Assert.True(await fixture.Shelf.HoldsAsync(kept, CancellationToken.None));
        Assert.True(fixture.Shelf.FreeBytes() > 1_000_000);
    }

    /// <summary>
    /// D8: whatever the agent writes next finds no space. It goes on serving and says so; with space it takes what was ordered last.
    /// </summary>
    [Theory]
    [InlineData(DeploymentPhase.Idle)]
    [InlineData(DeploymentPhase.Downloading)]
    [InlineData(DeploymentPhase.Validating)]
    [InlineData(DeploymentPhase.Watching)]
    public async Task Disk_that_fills_up_in_a_phase_stops_nothing_that_serves_and_what_is_ordered_comes_once_there_is_space(
        DeploymentPhase phase)
    {
        await using var disk = await SmallDisk.MountAsync(mebibytes: 16);
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server, folder: disk.Path);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start("Shelf:ReservedBytes=0", "Deployment:WatchPeriod=00:00:05");
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);

        var hangs = new TaskCompletionSource();
        if (phase == DeploymentPhase.Downloading)
        {
            server.Misbehave = async (context, _, _) =>
            {
                await hangs.Task.WaitAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return context.RequestAborted.IsCancellationRequested;
            };
        }
        if (phase == DeploymentPhase.Idle) disk.Fill();
        var model = phase is DeploymentPhase.Validating ? TestRelease.SlowModel(4) : TestRelease.Model(2);
        await server.DesireAsync(
            "dev-1", 2, TestRelease.Assign(server, TestRelease.Manifest(server, 2, "vibration", TestRelease.Variant(server, model))));
        if (phase != DeploymentPhase.Idle)
        {
            await server.ReportedAsync("vibration", 2, phase);
            disk.Fill();
        }
        hangs.TrySetResult();
        await Eventually.TrueAsync("it says that the disk is full",
            () => server.Reports.Any(IsTroubled), TimeSpan.FromSeconds(60), () => agent.Process.Output);
        Assert.NotNull(await agent.ServedFactorAsync());

        disk.MakeSpace();
        // An order that found no space is not sent a second time; one whose deployment failed for it needs a newer one.
        if (phase == DeploymentPhase.Idle) await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 3, TestRelease.Assign(server, 3));
        await server.ReportedAsync("vibration", 3, DeploymentPhase.Active);
        await agent.ServesAsync(3);
        await Eventually.TrueAsync("nothing is wrong any more", () => server.Reports.Last().Trust!.Fault == OrderFault.None);
        Assert.False(agent.Process.HasExited);
    }

    [Fact]
    public async Task Enrollment_and_renewal_on_a_full_disk_say_so_lose_nothing_and_are_done_once_there_is_space()
    {
        await using var disk = await SmallDisk.MountAsync(mebibytes: 2);
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server, folder: Path.Combine(disk.Path, "agent"));
        disk.Fill();
        await FailsAsync("enroll", "--server", server.Address.ToString(), "--token", server.Token.Reveal(), "--id", "dev-1");
        Assert.Empty(server.Enrollments); // the key would have been lost, and with it what the token was spent on
        disk.MakeSpace();
        await agent.EnrollAsync();

        var before = await File.ReadAllBytesAsync(agent.Data.Identity);
        disk.Fill();
        await FailsAsync("renew");
        Assert.Equal(before, await File.ReadAllBytesAsync(agent.Data.Identity));
        disk.MakeSpace();
        var renewed = await agent.RunAsync("renew");
        Assert.True(renewed.Code == 0, renewed.Output);
        Assert.NotEqual(before, await File.ReadAllBytesAsync(agent.Data.Identity));

        async Task FailsAsync(string verb, params string[] arguments)
        {
            var failed = await agent.RunAsync(verb, arguments);
            Assert.Equal(1, failed.Code);
            Assert.Contains("No space left", failed.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", failed.Output, StringComparison.Ordinal);
        }
    }

    /// <summary>Whichever of the writes of a withdrawal finds no space: it is heeded in the end, and nothing else stops for it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Withdrawal_on_a_full_disk_says_what_helps_and_is_heeded_once_there_is_space(int pages)
    {
        await using var disk = await SmallDisk.MountAsync(mebibytes: 16);
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server, folder: disk.Path);
        var (first, second) = (TestRelease.Assign(server, 1), TestRelease.Assign(server, 2));
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, first);
        agent.Start("Shelf:ReservedBytes=0", "Telemetry:Interval=01:00:00");
        await server.ReportedAsync("vibration", 1, DeploymentPhase.Active);
        await server.DesireAsync("dev-1", 2, second);
        await server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        disk.Leave(pages * Environment.SystemPageSize);

        var withdrawn = new WithdrawnRelease("vibration", 2, second.Release.Digest());
        // Ahead by a little, as after a restart of the device: its time is the first thing to be stored.
        var order = server.Fleet.Order("dev-1", 3, second) with { Withdrawn = [withdrawn], IssuedAt = DateTimeOffset.UtcNow.AddMinutes(5) };
        await server.DesireAsync("dev-1", server.Fleet.Desired("dev-1", 3, second) with { Order = server.Fleet.Sign(order) });
        await Eventually.TrueAsync("it is heeded, or says what helps",
            () => server.Reports.Any(IsGone) || server.Reports.Any(report => report.Trust is { Fault: OrderFault.NotStored } trust
                && trust.Detail.Contains("Make space on that disk", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(60), () => agent.Process.Output);
        Assert.NotNull(await agent.ServedFactorAsync());
        disk.MakeSpace(); // and nothing is sent again
        await Eventually.TrueAsync("it is heeded", () => server.Reports.Any(IsGone), TimeSpan.FromSeconds(60), () => agent.Process.Output);
        await agent.ServesAsync(1);
        await agent.KillAsync();
        agent.Start();
        await agent.ServesAsync(1);

        static bool IsGone(ReportedState report)
            => report.Models.Any(one => one is { Failure: DeploymentFailure.ReleaseWithdrawn, ActiveVersion: 1 });
    }

    [Fact]
    public async Task Report_on_a_full_disk_says_what_helps_and_loses_no_telemetry_and_no_number_is_used_twice()
    {
        await using var disk = await SmallDisk.MountAsync(mebibytes: 4);
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server, folder: Path.Combine(disk.Path, "agent"));
        using var media = new TemporaryFolder();
        await agent.EnrollAsync();
        var outbox = new Outbox(agent.Data, new LinkOptions(), NullLogger<Outbox>.Instance);
        var batch = new TelemetryBatch { Sequence = 1, From = DateTimeOffset.UnixEpoch, To = DateTimeOffset.UnixEpoch };
        outbox.Add(1, JsonSerializer.SerializeToUtf8Bytes(batch, WireJson.Default.TelemetryBatch));
        var first = await ReportAsync(media["dev-1.report"]);

        disk.Fill();
        await FailsAsync(media["dev-1.report"]); // its number cannot be written
        Assert.Equal(first.Number, new WrittenReports(agent.Data).Newest);
        disk.MakeSpace();
        var next = await ReportAsync(media["dev-1.report"]);
        Assert.Equal((true, 1), (next.Number > first.Number, next.Batches));

        await using var stick = await SmallDisk.MountAsync(mebibytes: 1);
        var carried = Path.Combine(stick.Path, "dev-1.report");
        stick.Fill();
        await FailsAsync(carried); // the file cannot be written
        Assert.False(File.Exists(carried));
        stick.MakeSpace();
        var last = await ReportAsync(carried);
        Assert.Equal((true, 1), (last.Number > next.Number + 1, last.Batches));

        async Task<ReportAnswer> ReportAsync(string file)
        {
            var written = await agent.RunAsync("report", file, "--json");
            Assert.True(written.Code == 0, written.Output);
            return JsonSerializer.Deserialize(
                written.Output.Split('\n').First(line => line.StartsWith('{')), BundlesJson.Default.ReportAnswer)!;
        }

        async Task FailsAsync(string file)
        {
            var failed = await agent.RunAsync("report", file);
            Assert.Equal(1, failed.Code);
            Assert.Contains("No space left", failed.Output, StringComparison.Ordinal);
            Assert.Contains("Make space on that disk; what was there is as it was", failed.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", failed.Output, StringComparison.Ordinal);
        }
    }

    private static bool IsTroubled(ReportedState report) => report.Trust?.Fault == OrderFault.NotStored
        || report.Models.Any(one => one.Version == 2 && one.Failure is DeploymentFailure.DiskFull or DeploymentFailure.Unexpected);

    [Fact]
    public async Task Release_that_does_not_fit_is_refused_before_a_byte_is_fetched()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1, TestRelease.Assign(server, 1));
        agent.Start($"Shelf:ReservedBytes={long.MaxValue / 2}");
        var refused = await server.ReportedAsync("vibration", 1, DeploymentPhase.RolledBack);
        Assert.Equal(DeploymentFailure.DiskFull, refused.Failure);
        Assert.Empty(server.Requests);
    }
}
