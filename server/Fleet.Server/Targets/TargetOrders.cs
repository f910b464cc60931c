using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>What an operator may order of targets and pins. Each order is one commit; the reconciler does the rest.</summary>
internal sealed partial class TargetOrders(
    IFleetStore store, SecondPerson second, ConvergenceQueue queue, OrderTimes times, TimeProvider time,
    ILogger<TargetOrders> logger)
{
    private const int MaximumTargets = 1000;

    /// <summary>Makes a target, or sets what one serves. Its devices are told at once, without waves.</summary>
    public async Task<Answer<Target>> SetAsync(string name, SetTargetRequest request, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        if (!Names.IsName(name)) problems.Add($"The name '{name}' must be {Names.Rule}.");
        if (!Names.IsName(request.Model)) problems.Add($"model '{request.Model}' must be {Names.Rule}.");
        if (!DeviceFilter.TryParse(request.Filter, out var filter, out var problem)) problems.Add(problem);
        if (filter is null || problems.Count > 0) return Refusal.Invalid("The target breaks rules.", problems);
        var answer = await store.RetryAsync(
            _ => TrySetAsync(name, request, Target.CanonicalFilter(filter), cancellationToken), cancellationToken);
        if (answer.Problem is null) queue.ChangedForAll();
        return answer;
    }

    /// <summary>Removes a target. Devices keep what they have, unless another target selects them.</summary>
    public async Task<Answer<Target>> RemoveAsync(string name, CancellationToken cancellationToken)
    {
        var answer = await store.RetryAsync<Answer<Target>>(async _ =>
        {
            if (await store.FindAsync<Target>(name, cancellationToken) is not { } stored) return Unknown(name);
            if (Moving(stored.Document) is { } moving) return moving;
            await store.CommitAsync([stored.Removal()], cancellationToken);
            return stored.Document;
        }, cancellationToken);
        if (answer.Problem is null) queue.ChangedForAll();
        return answer;
    }

    /// <summary>Holds a device on a release, whatever its targets say.</summary>
    public async Task<Answer<Pin>> PinAsync(Device device, string model, int version, CancellationToken cancellationToken)
    {
        var answer = await store.RetryAsync<Answer<Pin>>(async _ =>
        {
            if (await store.FindAsync<Release>(Release.IdOf(model, version), cancellationToken) is not { } release)
                return Refusal.Unknown($"There is no release {model} {version}.");
            if (Suitability.ReasonAgainst(release.Document, await store.CandidateAsync(device, cancellationToken), time.GetUtcNow())
                is { } reason) return Refusal.Conflict($"Device {device.Id} cannot be pinned to {model} {version}: {reason}");
            if (await second.WhyNotPinAsync(device, model, version, cancellationToken) is { } needed) return needed;
            var pin = new Pin(device.Id, model, version, time.GetUtcNow());
            var id = Pin.IdOf(device.Id, model);
            var stored = await store.FindAsync<Pin>(id, cancellationToken);
            await store.CommitAsync([stored?.Change(pin) ?? StoreChange.Create(id, pin), Unchanged(release)], cancellationToken);
            return pin;
        }, cancellationToken);
        if (answer.Problem is not null) return answer;
        queue.Changed(device.Id);
        LogPinned(device.Id, model, version);
        return answer;
    }

    /// <summary>Lets a device go; it converges to its target.</summary>
    public async Task<Answer<Pin>> UnpinAsync(DeviceId device, string model, CancellationToken cancellationToken)
    {
        var answer = await store.RetryAsync<Answer<Pin>>(async _ =>
        {
            if (await store.FindAsync<Pin>(Pin.IdOf(device, model), cancellationToken) is not { } stored)
                return Refusal.Unknown($"Device '{device}' has no pin of model '{model}'.");
            await store.CommitAsync([stored.Removal()], cancellationToken);
            return stored.Document;
        }, cancellationToken);
        if (answer.Value is { } pin) queue.Changed(pin.Device);
        return answer;
    }

    /// <summary>The refusal of a target that nobody knows.</summary>
    public static ApiProblem Unknown(string name) => Refusal.Unknown($"There is no target '{name}'.");

    private async Task<Answer<Target>> TrySetAsync(
        string name, SetTargetRequest request, string filter, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await store.FindAsync<Release>(
            Release.IdOf(request.Model, request.Version), cancellationToken) is not { Document: var release } found)
            return Refusal.Unknown($"There is no release {request.Model} {request.Version}.");
        if (release.WithdrawnAt is { } withdrawn)
            return Refusal.Conflict($"Release {request.Model} {request.Version} was withdrawn at {withdrawn:u}.");
        if (release.ExpiresAt <= now)
            return Refusal.Conflict(
                $"Release {request.Model} {request.Version} expired at {release.ExpiresAt:u}: no device would take it.");
        var stored = await store.FindAsync<Target>(name, cancellationToken);
        if (stored is not null && Moving(stored.Document) is { } moving) return moving;
        if (stored is { Document: var before } && (before.Model != request.Model || before.Filter != filter))
            return Refusal.Conflict($"Target {name} is of model {before.Model} for {Said(before.Filter)}: choose another name.");
        if (await store.TargetOfAsync(request.Model, filter, cancellationToken) is { } same && same.Id != name)
            return Refusal.Conflict($"Target {same.Id} is of model {request.Model} for {Said(filter)} already: set that one.");
        if (stored is null && (await store.TargetsAsync(cancellationToken)).Count >= MaximumTargets)
            return Refusal.Conflict($"There are {MaximumTargets} targets already: remove some.");
        if (stored?.Document.Release is { } current && request.Version < current.Version && !request.AllowOlder)
            return Refusal.Conflict(
                $"Release {request.Version} is older than {current.Version}, which target {name} has: going back must be asked for "
                + $"(--allow-older).");
        if (await second.WhyNotSetAsync(name, stored?.Document, request.Model, request.Version, filter, cancellationToken)
            is { } needed) return needed;

        var target = (stored?.Document ?? new Target { Name = name, Model = request.Model, Filter = filter, CreatedAt = now }) with
        {
            Release = new TargetRelease(request.Version, await times.NextAsync(cancellationToken)),
            Priority = request.Priority ?? stored?.Document.Priority ?? 0,
        };
        await store.CommitAsync([stored?.Change(target) ?? StoreChange.Create(name, target), Unchanged(found)], cancellationToken);
        LogSet(name, request.Model, request.Version, Said(filter));
        return target;
    }

    /// <summary>Of this commit and one that withdraws the release at the same moment, one fails and looks again.</summary>
    private static StoreChange Unchanged(Stored<Release> release) => release.Change(release.Document);

    private static ApiProblem? Moving(Target target) => target.Moving is { } rollout
        ? Refusal.Conflict($"Rollout {rollout} is moving target {target.Name}: abort it or wait until it has ended.")
        : null;

    private static string Said(string filter) => filter.Length == 0 ? "all devices" : $"devices of {filter}";

    [LoggerMessage(LogLevel.Information, "Target {Target} is set to {Model} {Version} for {Devices}")]
    private partial void LogSet(string target, string model, int version, string devices);

    [LoggerMessage(LogLevel.Information, "Device {Device} is pinned to {Model} {Version}")]
    private partial void LogPinned(DeviceId device, string model, int version);
}
