using System.Globalization;
using System.Text.Json;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>A site without a network: a release goes there in a file, with an order to the device, by the commands of its page.</summary>
[Collection(nameof(OneFleet))]
public sealed class SiteWithoutNetworkTests(FleetFixture fleet) : IDisposable
{
    private const string Device = "site-1";
    private const string Model = "carried";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Release_carried_in_a_file_serves_on_the_device_it_was_ordered_to_and_on_no_other()
    {
        var release = await fleet.ReleaseAsync(Model);
        await using var device = await EnrollAsync(Device);
        await using var other = await EnrollAsync("site-2");
        var file = _folder["carried.tar"];
        var version = release.Version.ToString(CultureInfo.InvariantCulture);
        await FleetAsync("targets", "pin", Device, "--model", Model, "--version", version);
        await FleetAsync("releases", "export", Model, version, "--device", Device, "--out", file);

        var refused = await InstallAsync(other, file);
        Assert.True(refused.Code == 1, refused.Output);
        Assert.Contains(Device, refused.Output, StringComparison.Ordinal);
        Assert.Null(other.Journal(Model));

        var installed = await InstallAsync(device, file);
        Assert.True(installed.Code == 0, installed.Output);
        Assert.Equal((DeploymentPhase.Active, release.Version), device.Journal(Model));

        // Carried a second time it is what serves already.
        Assert.Equal(0, (await InstallAsync(device, file)).Code);

        // Once it has a network after all, the server hears what serves, as measured there.
        device.Start();
        await Eventually.TrueAsync(
            "the server knows what the file brought",
            async () => (await fleet.Server.DeviceAsync(Device)).Models is [{ ActiveVersion: { } active, Measured: not null }]
                && active == release.Version,
            TimeSpan.FromSeconds(60), () => device.Output);
    }

    /// <summary>
    /// The way there and back: a rollout tells a device that has never had a network, files carry the release there and its report home,
    /// and the wave finishes.
    /// </summary>
    [Fact]
    public async Task Report_carried_home_finishes_the_wave_of_a_device_that_never_had_a_network()
    {
        const string model = "carried-home";
        var release = await fleet.ReleaseAsync(model);
        var version = release.Version.ToString(CultureInfo.InvariantCulture);
        await using var device = await EnrollAsync("site-3");
        await FleetAsync("devices", "label", "site-3", $"carried={model}");
        var started = await FleetAsync(
            "rollouts", "start", "--model", model, "--version", version, "--filter", $"label.carried={model}", "--phase-deadline", "7d",
            "--waves", "100%", "--json");
        using var rollout = JsonDocument.Parse(started);
        var id = rollout.RootElement.GetProperty("id").GetString()!;
        await Eventually.TrueAsync("the device is told", async () => (await fleet.Server.DeviceAsync("site-3")).DesiredRevision > 0);

        var bundle = _folder["there.tar"];
        await FleetAsync("releases", "export", model, version, "--device", "site-3", "--out", bundle);
        var installed = await InstallAsync(device, bundle);
        Assert.True(installed.Code == 0, installed.Output);
        Assert.Equal(0, (await fleet.Server.DeviceAsync("site-3")).ReportedRevision);

        var report = _folder["home.report"];
        var written = await ChildProcess.RunAsync(Programs.Agent, ["report", report, "--data", device.Folder], Limit);
        Assert.True(written.Code == 0, written.Output);
        var told = await FleetAsync("devices", "import-report", report);
        Assert.Contains($"{version} x64-int8", told, StringComparison.Ordinal);
        Assert.Contains("signed", told, StringComparison.Ordinal);
        await fleet.Server.RolloutEndsAsync(id, RolloutStatus.Succeeded);
        Assert.Contains("nothing was changed", await FleetAsync("devices", "import-report", report), StringComparison.Ordinal);
    }

    private async Task<RunningAgent> EnrollAsync(string id)
        => await RunningAgent.EnrollAsync(fleet.Server.Devices, await fleet.Server.TokenAsync(Model, uses: 1), id, Programs.Agent);

    private async Task<string> FleetAsync(params string[] arguments)
    {
        var done = await ChildProcess.RunAsync(
            Programs.Cli, [.. arguments, "--server", fleet.Server.Api.ToString(), "--key-file", fleet.Server.OperatorKeyFile], Limit);
        Assert.True(done.Code == 0, done.Output);
        return done.Output;
    }

    private static Task<ProcessResult> InstallAsync(RunningAgent agent, string file)
        => ChildProcess.RunAsync(
            Programs.Agent, ["install", file, "--data", agent.Folder], Limit);
}
