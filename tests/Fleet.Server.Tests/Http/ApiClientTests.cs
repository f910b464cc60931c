using Fleet.Server.Tests.Generated;
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
        while (rollout.Status == RolloutStatus.Running)
        {
            foreach (var device in rollout.Devices!.Where(device => device.Status == DeviceRolloutStatus.Running))
                await _fleet.ReportAsync(DeviceId.Parse(device.Device), DeploymentPhase.Active);
            await Task.Yield();
            rollout = await _api.GetRolloutAsync(rollout.Id);
        }

        Assert.Equal(RolloutStatus.Succeeded, rollout.Status);
        Assert.Equal([1, 3], rollout.Waves!.Select(wave => wave.Succeeded));
        var target = await _api.GetTargetAsync("speech");
        Assert.Equal((4, 4, rollout.Id), (target.Devices, target.Serving, target.Rollout));
        Assert.All(await _api.ListDevicesAsync(), device => Assert.Equal(release.Manifest.Version, device.Models!.Single().ActiveVersion));
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
