using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>
/// What one person may do alone where every rollout needs a second one (<see cref="FleetOptions.RolloutsNeedApproval"/>): devices stay
/// with what they have, or go back to what they had. All else is for a rollout, which waits for its approval.
/// </summary>
internal sealed class SecondPerson(IFleetStore store, FleetOptions options, ITargetHistory history)
{
    private const string Needed = "needs a second person (Fleet:RolloutsNeedApproval)";

    /// <summary>Why a target is not set; null when it may be.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="target">As it is; null for a new one.</param>
    /// <param name="model">The model.</param>
    /// <param name="version">The release.</param>
    /// <param name="filter">The devices.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ApiProblem?> WhyNotSetAsync(
        string name, Target? target, string model, int version, string filter, CancellationToken cancellationToken)
        => !options.RolloutsNeedApproval || await HasOrHadAsync(target, version, cancellationToken)
            ? null
            : Refusal.Conflict(
                $"Release {model} {version} {Needed}: without one, target {name} only goes back to what it had before.",
                Start(model, version, filter));

    /// <summary>Why a device is not pinned; null when it may be.</summary>
    public async Task<ApiProblem?> WhyNotPinAsync(Device device, string model, int version, CancellationToken cancellationToken)
    {
        if (!options.RolloutsNeedApproval) return null;
        if ((await store.DesiredAsync(device.Id, cancellationToken)).Desired.Of(model)?.Version == version) return null;
        var reported = await store.FindAsync<DeviceReported>(device.Id.Value, cancellationToken);
        var serves = reported?.Document.State.Models.FirstOrDefault(each => each.Model == model);
        if (serves?.ActiveVersion == version || serves?.PreviousVersion == version) return null;
        foreach (var target in await store.TargetsAsync(cancellationToken))
        {
            if (target.Model == model && target.Selects(device) && await HasOrHadAsync(target, version, cancellationToken)) return null;
        }
        return Refusal.Conflict(
            $"Release {model} {version} {Needed}: without one, device {device.Id} is only pinned to what it has or had before.",
            Start(model, version, $"id={device.Id}"));
    }

    /// <summary>Why the devices of a rollout do not go back to a release that is named; null when they may.</summary>
    /// <param name="target">The target that was moved; null where there is none any more.</param>
    /// <param name="before">What it had then.</param>
    /// <param name="model">The model.</param>
    /// <param name="version">The release.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ApiProblem?> WhyNotBackAsync(
        Target? target, TargetRelease? before, string model, int version, CancellationToken cancellationToken)
        => !options.RolloutsNeedApproval || before?.Version == version || await HasOrHadAsync(target, version, cancellationToken)
            ? null
            : Refusal.Conflict(
                $"Release {model} {version} {Needed}: without one, devices only go back to what their target had before.",
                "Without --to, each goes back to what it served before.", Start(model, version, target?.Filter ?? ""));

    /// <summary>A release that was replaced and is newer than what took its place was left for a reason: it is not gone back to.</summary>
    private async Task<bool> HasOrHadAsync(Target? target, int version, CancellationToken cancellationToken)
        => target?.Release is { Version: var now }
            && (version == now || (version < now && (await history.FormerAsync(target, cancellationToken)).Contains(version)));

    private static string Start(string model, int version, string filter)
        => "Start a rollout, which waits for the approval: "
            + $"'fleet rollouts start --model {model} --version {version} --waves 100%{(filter.Length > 0 ? $" --filter {filter}" : "")}'.";
}
