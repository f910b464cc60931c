using System.Net;
using System.Text.RegularExpressions;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.Trust;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>The life of the fleet's keys by the commands of the page that teaches them, while a real device serves.</summary>
[Collection(nameof(OneFleet))]
public sealed class KeyLifeTests(FleetFixture fleet) : IDisposable
{
    private const string Device = "key-life-1";
    private const string Model = "keyed";
    private static readonly string Page = File.ReadAllText(Repository.PathOf("server", "Fleet.Server", "Keys", "README.md"));
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Keys_are_rotated_lost_stolen_and_taken_offline_and_the_device_follows()
    {
        await using var agent = await fleet.AgentAsync(Model, Device);
        await ServesNextAsync();

        await RunAsync("rotate");
        await FollowedAsync(agent);
        await ServesNextAsync();

        // Lost: the server starts, says so, signs nothing with it, and is mended by the command.
        await fleet.Server.KillAsync();
        File.Delete(Path.Combine(fleet.ServerData, "keys", "release.key"));
        await fleet.Server.StartAsync();
        using (var health = await fleet.Server.SendAsync(HttpMethod.Get, "/health", null))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
            Assert.Contains("fleet keys rotate releases", await health.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        await RunAsync("lose");
        using (var health = await fleet.Server.SendAsync(HttpMethod.Get, "/health", null))
            Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        await FollowedAsync(agent);
        await ServesNextAsync();

        await RunAsync("compromise");
        var stolen = await FollowedAsync(agent);
        Assert.Equal((3, 3), (stolen.Root.OrderEpoch, (await fleet.Server.DeviceAsync(Device)).Trust!.Epoch));
        await ServesNextAsync();

        await ServesFromAModuleAsync();

        await RunAsync("offline");
        var offline = await FollowedAsync(agent);
        Assert.Equal((3, 2), (offline.Root.Roles.Root.Keys.Count, offline.Root.Roles.Root.Threshold));
        Assert.Empty(offline.OnServer.Intersect(offline.Root.Roles.Root.Keys));
        Assert.False(File.Exists(Path.Combine(fleet.ServerData, "keys", "root.key")));
        await ServesNextAsync();

        await RunAsync("time");
        await Eventually.TrueAsync("the device has taken the anchor", async () => (await File.ReadAllLinesAsync(
            Path.Combine(agent.Folder, "trusted-time")))[^1] == "1");
        await ServesNextAsync();

        // A device that was never seen before is given every root from the one its token names.
        await using var late = await fleet.AgentAsync("late", "key-life-2");
        await Eventually.TrueAsync("it reports the newest root",
            async () => (await fleet.Server.DeviceAsync("key-life-2")).Trust?.Root == offline.Root.Version);
    }

    /// <summary>The key of releases moves into a security module, signs there what the device verifies, and moves back.</summary>
    private async Task ServesFromAModuleAsync()
    {
        using var module = await SoftModule.CreateAsync();
        await RestartAsync([.. module.Settings(), "--Fleet:Keys:ReleaseKeyLabel=fleet-releases"], module.Environment);
        await RunAsync("module");
        Assert.False(File.Exists(Path.Combine(fleet.ServerData, "keys", "release.key")));
        var signed = await ServesNextAsync();
        var keys = await fleet.Server.GetAsync("/api/v1/keys", FleetJson.Default.KeysView);
        Assert.Equal([signed.KeyId], keys.Root.Roles.Releases.Keys);

        await RestartAsync([], new Dictionary<string, string?>());
        await RunAsync("module");
        Assert.NotEqual(signed.KeyId, (await ServesNextAsync()).KeyId);
    }

    private async Task RestartAsync(IReadOnlyList<string> settings, IReadOnlyDictionary<string, string?> environment)
    {
        await fleet.Server.KillAsync();
        (fleet.Server.Settings, fleet.Server.Environment) = (settings, environment);
        await fleet.Server.StartAsync();
    }

    /// <summary>A new release is rolled out and serves.</summary>
    private async Task<ReleaseView> ServesNextAsync()
    {
        var release = await fleet.ReleaseAsync(Model);
        await fleet.RolledOutAsync(Model, release.Version, RolloutStatus.Succeeded);
        Assert.Equal(release.Version, Assert.Single((await fleet.Server.DeviceAsync(Device)).Models).ActiveVersion);
        return await fleet.Server.GetAsync($"/api/v1/releases/{Model}/{release.Version}", FleetJson.Default.ReleaseView);
    }

    /// <summary>The keys that count, once the device reports their root and refuses nothing.</summary>
    private async Task<KeysView> FollowedAsync(RunningAgent agent)
    {
        var keys = await fleet.Server.GetAsync("/api/v1/keys", FleetJson.Default.KeysView);
        await Eventually.TrueAsync($"the device follows to root {keys.Root.Version}",
            async () => (await fleet.Server.DeviceAsync(Device)).Trust is { Fault: OrderFault.None } trust
                && trust.Root == keys.Root.Version && trust.Epoch == keys.Root.OrderEpoch,
            TimeSpan.FromSeconds(60), () => agent.Output);
        return keys;
    }

    /// <summary>Runs a block of the page as it stands; where a person would be asked, the answer is yes.</summary>
    private async Task RunAsync(string block)
    {
        var commands = Block(block).Match(Page).Groups[1].Value;
        Assert.NotEmpty(commands);
        var script = $$"""
            set -eu
            cd "$FOLDER"
            fleet() {
              case "$2" in rotate|offline|anchor-time) set -- "$@" --yes ;; esac
              "$CLI" "$@"
            }
            {{commands}}
            """;
        var done = await ChildProcess.RunAsync("/bin/sh", ["-c", script], TimeSpan.FromMinutes(2), new Dictionary<string, string?>
        {
            ["FOLDER"] = _folder.Path,
            ["CLI"] = Programs.Cli,
            ["FLEET_SERVER"] = fleet.Server.Api.ToString(),
            ["FLEET_KEY_FILE"] = fleet.Server.OperatorKeyFile,
        });
        Assert.True(done.Code == 0, done.Output);
    }

    private static Regex Block(string name) => new($"^```sh {name}\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline);
}
