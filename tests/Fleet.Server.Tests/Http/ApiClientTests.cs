using System.Security.Cryptography;
using Fleet.Server.Tests.Generated;
using Fleet.TestKit;
using DeploymentPhase = Fleet.Contracts.State.DeploymentPhase;
using DeviceId = Fleet.Contracts.Devices.DeviceId;
using Task = System.Threading.Tasks.Task;

namespace Fleet.Server.Tests.Http;

/// <summary>The API as a stranger uses it: with a client that a generator made of the committed document, and nothing of ours.</summary>
public sealed class ApiClientTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;
    private FleetApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        _api = new FleetApi(_fleet.Http);
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Generated_client_takes_a_release_to_every_device_in_two_waves()
    {
        await _fleet.EnrollAsync(4);
        await _fleet.ReleaseAsync();
        var release = Assert.Single(await _api.ListReleasesAsync("speech"));
        var plan = new RolloutPlan
        {
            Model = release.Manifest.Model,
            Version = release.Manifest.Version,
            Waves = [new WavePlan { Count = 1 }, new WavePlan { Percent = 100 }],
        };
        Assert.Equal(4, (await _api.PreviewRolloutAsync(plan)).Devices!.Count(device => device.Wave > 0));

        var rollout = await _api.StartRolloutAsync(plan);
        using var limit = new CancellationTokenSource(Eventually.DefaultDeadline);
        while (rollout.Status == RolloutStatus.Running)
        {
            foreach (var device in rollout.Devices!.Where(device => device.Status == DeviceRolloutStatus.Running))
                await _fleet.ReportAsync(DeviceId.Parse(device.Device), DeploymentPhase.Active);
            rollout = await _api.GetRolloutAsync(rollout.Id, null, limit.Token);
        }

        Assert.Equal(RolloutStatus.Succeeded, rollout.Status);
        Assert.Equal([1, 3], rollout.Waves!.Select(wave => wave.Succeeded));
        var target = await _api.GetTargetAsync("speech");
        Assert.Equal((4, 4, rollout.Id), (target.Devices, target.Serving, target.Rollout));
        Assert.All(await _api.ListDevicesAsync(), device => Assert.Equal(release.Manifest.Version, device.Models!.Single().ActiveVersion));
    }

    [Fact]
    public async Task Generated_client_moves_two_models_together()
    {
        await _fleet.EnrollAsync(1);
        var device = DeviceId.Parse("dev-00000");
        await _fleet.AppearAsync(device);
        foreach (var model in (string[])["speech", "vision"]) await _fleet.ReleaseAsync(model);
        var plan = new RolloutPlan
        {
            Releases =
            [
                new PlannedRelease { Model = "speech", Version = 1 }, new PlannedRelease { Model = "vision", Version = 1 },
            ],
            Waves = [new WavePlan { Percent = 100 }],
        };
        Assert.Equal(["speech", "vision"], (await _api.PreviewRolloutAsync(plan)).Targets!.Select(target => target.Target));
        var rollout = await _api.StartRolloutAsync(plan);
        Assert.Equal(["speech", "vision"], rollout.Devices!.Single().Models!.Select(model => model.Model));
        await _fleet.ReportAsync(device, TestDevice.Report((await _fleet.DesiredAsync(device)).Revision,
            await _fleet.ModelAsync("speech", 1, DeploymentPhase.Active), await _fleet.ModelAsync("vision", 1, DeploymentPhase.Active)));
        await Eventually.TrueAsync(
            "it succeeds", async () => (await _api.GetRolloutAsync(rollout.Id)).Status == RolloutStatus.Succeeded);
    }

    /// <summary>A status that the document does not name is an error to a generated client.</summary>
    [Fact]
    public async Task Generated_client_is_answered_as_the_document_says_where_an_answer_is_not_always_the_same()
    {
        var content = "an artifact"u8.ToArray();
        var digest = Convert.ToHexStringLower(SHA256.HashData(content));
        for (var time = 0; time < 2; time++)
        {
            using var bytes = new MemoryStream(content);
            await _api.PutArtifactAsync(digest, bytes);
        }
        // NSwag returns what the first status brings and throws for every other, with the description that the document gives it.
        var nothing = await Assert.ThrowsAsync<ApiException>(() => _api.LeaseBuildAsync(new LeaseRequest { Worker = "stranger" }));
        Assert.Equal((204, "No Content"), (nothing.StatusCode, nothing.Message.Split('\n')[0].Trim()));
    }

    [Fact]
    public async Task Refusal_comes_as_a_problem_with_every_fault()
    {
        var refused = await Assert.ThrowsAsync<ApiException<ApiProblem>>(() => _api.StartRolloutAsync(
            new RolloutPlan { Model = "NO NAME", Version = 0, Waves = [], MaximumFailureRate = 2 }));
        Assert.Equal(400, refused.StatusCode);
        Assert.True(refused.Result.Problems!.Count >= 4, string.Join('\n', refused.Result.Problems));
        Assert.Equal(404, (await Assert.ThrowsAsync<ApiException<ApiProblem>>(() => _api.GetDeviceAsync("nobody"))).StatusCode);
    }
}
