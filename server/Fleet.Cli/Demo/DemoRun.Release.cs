using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Cli.Demo;

/// <summary>The part that builds a model, signs it and rolls it out.</summary>
internal sealed partial class DemoRun
{
    private async Task<(BuildView Build, BuildReport Report)> BuildAsync(
        FleetClient client, StepBoard.Step step, CancellationToken cancellationToken)
    {
        Concern = children.Server;
        var build = await client.StartBuildAsync(spec, cancellationToken);
        build = await Follow.BuildAsync(client, shell.Time, build.Id, step, StartLimit, cancellationToken);
        if (build.Status != BuildStatus.Succeeded)
            throw new FleetException($"Build {build.Id} is {build.Status.ToWords()}: {build.Failure}");
        var report = await client.GetReportAsync(build.Id, cancellationToken);
        await File.WriteAllBytesAsync(folder.ReportPage, await client.GetReportPageAsync(build.Id, cancellationToken), cancellationToken);
        step.Result($"{Figures.Count(report.Teacher!.Parameters)} parameters distilled into {Figures.Count(report.Student.Parameters)}, "
            + $"{report.Variants.Count(variant => variant.Accepted)} of {report.Variants.Count} variants accepted");
        return (build, report);
    }

    private static async Task<ReleaseManifest> ReleaseAsync(
        FleetClient client, BuildView build, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var release = await client.CreateReleaseAsync(new CreateReleaseRequest(build.Id, TimeSpan.FromDays(30)), cancellationToken);
        step.Result(
            $"{release.Manifest.Model} {release.Manifest.Version}, {release.Manifest.Variants.Count} variants, key {release.KeyId[..12]}");
        return release.Manifest;
    }

    private static RolloutPlan PlanOf(ReleaseManifest release) => new()
    {
        Model = release.Model,
        Version = release.Version,
        // Every device of this server: labels are a person's to change while the demo runs.
        Filter = "",
        Waves = [new WavePlan { Count = 1 }, new WavePlan { Count = Devices.Count }],
        MaximumFailureRate = 0,
        PhaseDeadline = TimeSpan.FromMinutes(2),
        SoakTime = TimeSpan.FromSeconds(3),
    };

    private async Task<RolloutView> RollOutAsync(
        FleetClient client, ReleaseManifest release, StepBoard.Step step, CancellationToken cancellationToken)
    {
        var rollout = await client.StartRolloutAsync(PlanOf(release), cancellationToken);
        rollout = await Follow.RolloutAsync(client, shell.Time, rollout.Id, endAtPause: true, step, cancellationToken);
        if (rollout.Status != RolloutStatus.Succeeded)
        {
            var failed = rollout.Devices.FirstOrDefault(device => device.Failure != DeploymentFailure.None);
            Concern = failed is null ? children.Server : children.Find(failed.Device.Value);
            throw new FleetException($"The rollout is {rollout.Status.ToWords()}: "
                + $"{(failed is null ? rollout.Reason : $"{failed.Device} {failed.Failure.ToWords()}, {failed.Detail}")}");
        }
        step.Result($"{rollout.Devices.Count} devices measured their variant and serve it");
        return rollout;
    }
}
