using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Rollouts;

/// <summary>
/// What a caller is told of a rollout who sees some devices only: those devices, and figures that are counted from them. Where all of the
/// rollout's devices are the caller's, that is everything.
/// </summary>
internal static class RolloutSight
{
    private const string Withheld = "Why is told to those who see all devices of this rollout.";

    /// <summary>Rollouts of a list, as <paramref name="caller"/> sees them.</summary>
    public static async Task<IReadOnlyList<RolloutView>> SeenByAsync(
        this IFleetStore store, Caller caller, IReadOnlyList<RolloutView> views, CancellationToken cancellationToken)
    {
        if (!caller.IsLimited) return views;
        var seen = new List<RolloutView>();
        foreach (var view in views)
        {
            if (IsAllOf(caller, view)) seen.Add(Unheld(view));
            else if (await store.RolloutViewAsync(view.Id, caller, cancellationToken) is { } own) seen.Add(own with { Devices = [] });
        }
        return seen;
    }

    /// <summary>One rollout as <paramref name="caller"/> sees it; null when there is none of that id.</summary>
    public static async Task<RolloutView?> RolloutViewAsync(
        this IFleetStore store, string id, Caller caller, CancellationToken cancellationToken)
    {
        var view = await store.RolloutViewAsync(id, cancellationToken);
        if (view is null || !caller.IsLimited) return view;
        var own = new List<DeviceRolloutView>();
        foreach (var device in view.Devices)
        {
            if (await store.DeviceAsync(caller, device.Device.Value, cancellationToken) is not null) own.Add(device);
        }
        return IsAllOf(caller, view) ? Unheld(view) with { Devices = own } : Of(view, own);
    }

    /// <summary>Without what holds a wave: a budget counts every device with a value of its label, and names some of others.</summary>
    private static RolloutView Unheld(RolloutView view)
        => view with { Waves = [.. view.Waves.Select(wave => wave.Held is null ? wave : wave with { Held = Withheld })] };

    private static bool IsAllOf(Caller caller, RolloutView view)
        => DeviceFilter.TryParse(view.Plan.Filter, out var filter, out _) && caller.WhyNot(filter) is null;

    private static RolloutView Of(RolloutView view, IReadOnlyList<DeviceRolloutView> own)
    {
        var byWave = own.ToLookup(device => device.Wave);
        return view with
        {
            Devices = own,
            Waves = [.. view.Waves.Select(wave => Of(wave, [.. byWave[wave.Number]]))],
            Returns = RolloutViews.ReturnsOf([.. own.Select(device => device.Return?.Status).OfType<DeviceReturnStatus>()]),
            Excluded = [],
            Forgotten = 0,
            Fetched = own.Sum(device => device.Fetched),
            Reason = view.Reason.Length == 0 ? "" : Withheld,
        };
    }

    private static WaveView Of(WaveView wave, IReadOnlyList<DeviceRolloutView> own)
    {
        int Count(DeviceRolloutStatus status) => own.Count(device => device.Status == status);
        var (waiting, succeeded, failed, left) = (
            Count(DeviceRolloutStatus.Waiting), Count(DeviceRolloutStatus.Succeeded), Count(DeviceRolloutStatus.Failed),
            Count(DeviceRolloutStatus.Left));
        return new WaveView(
            wave.Number, own.Count, waiting, own.Count - waiting - succeeded - failed - left, succeeded, failed, wave.OpenedAt,
            wave.FinishedAt, left);
    }
}
