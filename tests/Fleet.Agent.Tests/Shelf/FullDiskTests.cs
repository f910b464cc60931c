using Fleet.Agent.Shelf;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.TestKit;

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
