using System.Security.Cryptography;
using System.Text.Json;
using Fleet.Agent.Bundles;
using Fleet.Agent.Disk;
using Fleet.Agent.Shelf;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Bundles;

/// <summary>Releases that reach a device in a file, with the real agent.</summary>
public sealed class InstallTests
{
    [Fact]
    public async Task Device_without_a_network_installs_a_bundle_and_serves_it_at_its_next_start()
    {
        await using var site = await Carrying.StartAsync();
        var answer = await site.InstallAsync(CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, 3)));
        Assert.True(answer.Installed, answer.Detail);
        Assert.Equal((3, 3, "x64-fp32"), (answer.Version, answer.ActiveVersion, answer.Variant));
        Assert.Empty(site.Server.Connections);
        Assert.Empty(Directory.GetFiles(site.Agent.Data.Bundles));
        site.Agent.Start();
        await site.Agent.ServesAsync(3);
        await site.Server.ReportedAsync("vibration", 3, DeploymentPhase.Active);
    }

    [Fact]
    public async Task Same_bundle_carried_twice_changes_nothing_the_second_time()
    {
        await using var site = await Carrying.StartAsync();
        var bundle = CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, 3));
        Assert.True((await site.InstallAsync(bundle)).Installed);
        var journal = await File.ReadAllTextAsync(Path.Combine(site.Agent.Data.Journals, "vibration.json"));
        Assert.True((await site.InstallAsync(bundle)).Installed);
        Assert.Equal(journal, await File.ReadAllTextAsync(Path.Combine(site.Agent.Data.Journals, "vibration.json")));
    }

    [Fact]
    public async Task Agent_that_runs_takes_the_bundle_and_a_later_order_of_the_server_takes_its_place()
    {
        await using var site = await Carrying.StartAsync();
        await site.Server.DesireAsync("dev-1", 1, TestRelease.Assign(site.Server, 1));
        site.Agent.Start();
        await site.Agent.ServesAsync(1);
        var answer = await site.InstallAsync(CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, 2)));
        Assert.True(answer.Installed, answer.Detail);
        await site.Agent.ServesAsync(2);
        await site.Server.DesireAsync("dev-1", 2, TestRelease.Assign(site.Server, 3));
        await site.Agent.ServesAsync(3);
    }

    [Fact]
    public async Task Install_that_was_killed_is_done_by_the_next_agent()
    {
        await using var site = await Carrying.StartAsync();
        var slow = TestRelease.Manifest(
            site.Server, 2, "vibration", TestRelease.Variant(site.Server, TestRelease.SlowModel(40)));
        var file = site.Put(CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, slow)));
        await using (var install = ChildProcess.Start(Programs.Agent, ["install", "--data", site.Agent.Data.Root, file]))
        {
            await install.WaitForLineAsync("Validating", TimeSpan.FromSeconds(60));
            install.Kill();
            await install.WaitForExitAsync(TimeSpan.FromSeconds(60));
        }
        Assert.NotEmpty(Directory.GetFiles(site.Agent.Data.Bundles, "*.tar"));
        site.Agent.Start();
        await site.Server.ReportedAsync("vibration", 2, DeploymentPhase.Active);
        await Eventually.TrueAsync("the bundle is removed", () => Directory.GetFiles(site.Agent.Data.Bundles, "*.tar").Length == 0);
    }

    [Fact]
    public async Task Order_in_a_bundle_counts_like_one_from_the_network()
    {
        await using var site = await Carrying.StartAsync();
        var assignment = TestRelease.Assign(site.Server, 3);
        var order = site.Server.Fleet.Desired("dev-1", 5, assignment);
        var answer = await site.InstallAsync(CarriedFile.Of(site.Server, assignment, order));
        Assert.True(answer.Installed, answer.Detail);
        var accepted = JsonSerializer.Deserialize(await File.ReadAllBytesAsync(site.Agent.Data.Desired), FleetJson.Default.DesiredState);
        Assert.Equal(5, accepted!.Revision);
    }

    [Fact]
    public async Task Release_that_misses_its_gate_here_is_not_installed_and_the_one_before_stays()
    {
        await using var site = await Carrying.StartAsync();
        Assert.True((await site.InstallAsync(CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, 1)))).Installed);
        var answer = await site.InstallAsync(CarriedFile.Of(site.Server, TestRelease.Assign(site.Server, 2, factor: -1)));
        Assert.Equal((false, DeploymentFailure.GateMissed, 1), (answer.Installed, answer.Failure, answer.ActiveVersion));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bundle_that_waits_for_a_sign_keeps_none_that_is_carried_after_it_waiting(bool ordered)
    {
        await using var site = await Carrying.StartAsync();
        using var folder = new TemporaryFolder();
        await site.Server.DesireAsync("dev-1", 1, TestRelease.Assign(site.Server, 1));
        site.Agent.Start("Deployment:SignInterval=00:00:00.1", $"Deployment:ActivationSign=file:{folder["stopped"]}");
        await site.Server.ReportedAsync("vibration", 1, DeploymentPhase.Active);

        var first = site.InstallAsync(BundleOf(2));
        await site.Server.ReportedAsync("vibration", 2, DeploymentPhase.Holding);
        var second = site.InstallAsync(BundleOf(3));
        await site.Server.ReportedAsync("vibration", 3, DeploymentPhase.Holding);
        var superseded = await first;
        Assert.False(superseded.Installed);
        Assert.Contains("Another release is wanted", superseded.Detail, StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder["stopped"], "");
        Assert.True((await second).Installed);
        await site.Agent.ServesAsync(3);

        byte[] BundleOf(int version)
        {
            var assignment = TestRelease.Assign(site.Server, version);
            return CarriedFile.Of(
                site.Server, assignment, ordered ? site.Server.Fleet.Desired("dev-1", version, assignment) : null);
        }
    }

    [Fact]
    public async Task Bundles_that_wait_are_taken_in_the_order_in_which_they_came()
    {
        using var folder = new TemporaryFolder();
        var data = new DataFolder(folder.Path);
        data.Create();
        var bundles = new BundleFolder(data);
        await File.WriteAllTextAsync(folder["release.tar"], "a bundle");
        var names = new List<string>();
        for (var i = 0; i < 8; i++)
        {
            names.Add(await bundles.PutAsync(folder["release.tar"], default));
            File.SetLastWriteTimeUtc(Path.Combine(data.Bundles, $"{names[^1]}.tar"), DateTime.UnixEpoch.AddMinutes(i));
        }
        Assert.Equal(names, bundles.Waiting().Select(Path.GetFileNameWithoutExtension));
    }

    [Fact]
    public async Task Artifact_that_two_bundles_hold_is_found_when_one_of_them_is_removed()
    {
        using var folder = new TemporaryFolder();
        var data = new DataFolder(folder.Path);
        data.Create();
        var content = ShelfFixture.Content(1000);
        var artifact = new ArtifactReference("validation.npz", Convert.ToHexStringLower(SHA256.HashData(content)), content.Length);
        var carried = new CarriedArtifacts(new ArtifactShelf(data));
        foreach (var bundle in (string[])["first.tar", "second.tar"])
        {
            await File.WriteAllBytesAsync(folder[bundle], content);
            carried.Add(artifact.Sha256, folder[bundle], 0);
        }
        carried.Known();
        carried.Forget(folder["second.tar"]);
        Assert.True(await carried.BringAsync(artifact, default));
        carried.Forget(folder["first.tar"]);
        Assert.False(await carried.BringAsync(artifact, default));
    }
}
