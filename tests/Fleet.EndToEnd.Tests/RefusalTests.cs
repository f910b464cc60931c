using System.Text.RegularExpressions;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>What must not be served is not served, and what served before goes on.</summary>
[Collection(nameof(OneFleet))]
public sealed partial class RefusalTests(FleetFixture fleet)
{
    [Fact]
    public async Task Release_that_misses_its_gate_is_rolled_back_and_aborts_the_rollout_before_the_second_wave()
    {
        await using var a = await fleet.AgentAsync("gate", "gate-1");
        await using var b = await fleet.AgentAsync("gate", "gate-2");
        await fleet.ReleaseAsync("gate");
        var good = await fleet.CliAsync(
            "rollouts", "start", "--model", "gate", "--version", "1", "--waves", "100%", "--filter", "label.test=gate", "--wait");
        Assert.True(good.Code == 0, good.Output);

        await fleet.ReleaseAsync("gate", FleetFixture.Impossible);
        var bad = await fleet.CliAsync("rollouts", "start", "--model", "gate", "--version", "2", "--waves", "1,2", "--filter",
            "label.test=gate", "--max-failure-rate", "0%", "--wait");
        Assert.NotEqual(0, bad.Code);
        Assert.Contains("Latency p95", bad.Output, StringComparison.Ordinal);

        // The rollout keeps who failed; the device was told to keep what it serves, so that it does not try again by itself.
        var id = FleetFixture.RolloutIn(bad.Output);
        var failed = Assert.Single(
            (await fleet.Server.RolloutEndsAsync(id, RolloutStatus.Aborted)).Devices,
            device => device.Status == DeviceRolloutStatus.Failed);
        Assert.Equal(DeploymentFailure.GateMissed, failed.Failure);
        var models = new[]
        {
            await fleet.Server.DeviceAsync("gate-1"), await fleet.Server.DeviceAsync("gate-2"),
        }.Select(device => device.Models.Single()).ToList();
        Assert.All(models, model => Assert.Equal(1, model.ActiveVersion));
    }

    [Fact]
    public async Task Artifact_whose_bytes_were_changed_on_the_server_is_never_served()
    {
        var release = await fleet.ReleaseAsync("tampered");
        await using var agent = await fleet.AgentAsync("tampered", "tampered-1");
        var file = Assert.Single(
            Directory.EnumerateFiles(fleet.ServerData, release.Variants[0].Artifact.Sha256 + "*", SearchOption.AllDirectories));
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[^1] ^= 1;
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllBytesAsync(file, bytes);
        try
        {
            var rollout = await fleet.Server.StartRolloutAsync(new RolloutPlan
            {
                Model = "tampered",
                Version = release.Version,
                Filter = "label.test=tampered",
                Waves = [new WavePlan { Count = 1 }],
                MaximumFailureRate = 0,
            });
            var ended = await fleet.Server.RolloutEndsAsync(rollout.Id, RolloutStatus.Aborted);
            Assert.Equal(DeploymentFailure.DigestMismatch, Assert.Single(ended.Devices).Failure);
            Assert.DoesNotContain((await fleet.Server.DeviceAsync("tampered-1")).Models, model => model.ActiveVersion is not null);
        }
        finally
        {
            bytes[^1] ^= 1;
            await File.WriteAllBytesAsync(file, bytes);
        }
    }

    [Fact]
    public async Task Device_that_is_revoked_is_cut_off_and_stays_out()
    {
        await using var agent = await fleet.AgentAsync("revoked", "revoked-1");
        using (var answer = await fleet.Server.SendAsync(HttpMethod.Post, "/api/v1/devices/revoked-1/revoke", null))
            answer.EnsureSuccessStatusCode();
        await Eventually.TrueAsync("the device was offline", async () => !(await fleet.Server.DeviceAsync("revoked-1")).Online);
        // It keeps trying, and is told no: a restart does not help either.
        await agent.KillAsync();
        agent.Start();
        await Eventually.TrueAsync(
            "the agent said that it is refused", () => Refused().IsMatch(agent.Output), evidence: () => agent.Output);
        Assert.False((await fleet.Server.DeviceAsync("revoked-1")).Online);

        await fleet.ReleaseAsync("revoked");
        var rollout = await fleet.CliAsync(
            "rollouts", "start", "--model", "revoked", "--version", "1", "--waves", "100%", "--filter", "label.test=revoked");
        Assert.NotEqual(0, rollout.Code);
    }

    [Fact]
    public async Task Token_that_is_used_up_or_wrong_enrolls_nobody()
    {
        var token = await fleet.Server.TokenAsync("token", uses: 1);
        Assert.Equal(0, (await EnrollAsync(token, "token-1")).Code);
        var again = await EnrollAsync(token, "token-2");
        Assert.Equal(5, again.Code);
        Assert.Contains("used", again.Output, StringComparison.OrdinalIgnoreCase);
        var parts = token.Split('.');
        Assert.Equal(5, (await EnrollAsync(string.Join('.', parts[0], parts[1], new string('0', 64), parts[3]), "token-3")).Code);
        // A server that is not the one the token was made by hears nothing of it.
        var elsewhere = await EnrollAsync(string.Join('.', parts[0], parts[1], parts[2], new string('0', 64)), "token-4");
        Assert.NotEqual(0, elsewhere.Code);
        Assert.DoesNotContain(parts[2], again.Output + elsewhere.Output, StringComparison.Ordinal);
    }

    [GeneratedRegex("refused|not ?authorized|revoked", RegexOptions.IgnoreCase)]
    private static partial Regex Refused();

    private async Task<ProcessResult> EnrollAsync(string token, string id)
    {
        using var data = new TemporaryFolder();
        return await ChildProcess.RunAsync(
            Programs.Agent, ["enroll", "--server", fleet.Server.Devices.ToString(), "--id", id, "--data", data.Path],
            TimeSpan.FromMinutes(1), new Dictionary<string, string?> { ["FLEET_TOKEN"] = token });
    }
}
