using Fleet.Contracts;
using Fleet.Contracts.Rollouts;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>A server that is restored from a copy of its folder, with a real agent that was told more meanwhile.</summary>
[Collection(nameof(OneFleet))]
public sealed class RestoreTests(FleetFixture fleet)
{
    private const string Model = "restored";

    [Fact]
    public async Task Server_restored_from_a_backup_goes_on_above_what_its_devices_show()
    {
        await using var agent = await fleet.AgentAsync(Model, "restored-1");
        await RollOutAsync(1);
        using var backup = new TemporaryFolder();
        await fleet.Server.KillAsync();
        Copy(fleet.ServerData, backup.Path);
        await fleet.Server.StartAsync();
        await RollOutAsync(2);
        await RollOutAsync(3);
        var told = (await fleet.Server.DeviceAsync("restored-1")).DesiredRevision;

        await agent.KillAsync();
        await fleet.Server.KillAsync();
        Directory.Delete(fleet.ServerData, recursive: true);
        Copy(backup.Path, fleet.ServerData);
        await fleet.Server.StartAsync();
        Assert.True((await fleet.Server.DeviceAsync("restored-1")).DesiredRevision < told);
        agent.Start();
        await Eventually.TrueAsync("the device has said what it is at",
            async () => (await fleet.Server.DeviceAsync("restored-1")).ReportedRevision == told);

        await RollOutAsync(4); // 2 and 3 are lost, and 3 serves
        var device = await fleet.Server.DeviceAsync("restored-1");
        Assert.Equal((told + 1, 4), (device.ReportedRevision, Assert.Single(device.Models).ActiveVersion));
        var strangers = await fleet.Server.GetAsync("/api/v1/strangers", FleetJson.Default.IReadOnlyListStrangerView);
        Assert.DoesNotContain(strangers, stranger => stranger.Device.Value == "restored-1");
    }

    private async Task RollOutAsync(int version)
    {
        var release = await fleet.ReleaseAsync(Model);
        Assert.Equal(version, release.Version);
        await fleet.RolledOutAsync(Model, version, RolloutStatus.Succeeded);
    }

    private static void Copy(string from, string to)
    {
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories))
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
    }
}
