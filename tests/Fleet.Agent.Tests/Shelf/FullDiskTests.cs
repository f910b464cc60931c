using Fleet.Agent.Shelf;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.State;

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
