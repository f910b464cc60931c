using Fleet.Contracts.Devices;
using Fleet.Server.Devices;

namespace Fleet.Server.Targets;

/// <summary>
/// A standing target as it is stored, under its name: devices of this filter serve this release of this model. There is one for each
/// model and filter.
/// </summary>
internal sealed record Target
{
    public required string Name { get; init; }

    /// <summary>Model name.</summary>
    public required string Model { get; init; }

    /// <summary>Which devices, as <see cref="CanonicalFilter"/> writes it; empty for all.</summary>
    public string Filter { get; init; } = "";

    /// <summary>Where several targets select a device, the one of highest priority decides, and of equals the one set last.</summary>
    public int Priority { get; init; }

    /// <summary>The release; null while the first rollout to these devices has not succeeded.</summary>
    public TargetRelease? Release { get; init; }

    /// <summary>The rollout that moves it; null when none does.</summary>
    public string? Moving { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>True when it selects the device.</summary>
    public bool Selects(Device device) => DeviceFilter.TryParse(Filter, out var filter, out _) && device.IsSelectedBy(filter);

    /// <summary>
    /// This one, and those that were moved together with it and select the device: it gets the releases of all, or of none.
    /// </summary>
    public IEnumerable<Target> Together(IEnumerable<Target> targets, Device device) => targets.Where(
        other => other.Name != Name && Release?.Group is { } group && other.Release?.Group == group && other.Selects(device)).Prepend(this);

    /// <summary>A filter in the one form in which it is stored and compared: terms in order, each once.</summary>
    public static string CanonicalFilter(DeviceFilter filter)
        => string.Join(',', filter.Terms.Select(term => $"{term.Key}={term.Value}").Distinct().Order(StringComparer.Ordinal));
}

/// <summary>The release of a target, and when it was decided.</summary>
/// <param name="Version">Release number.</param>
/// <param name="DecidedAt">When an operator ordered it: for a rollout, when it was started.</param>
/// <param name="Rollout">The rollout that brought it; null when an operator set it.</param>
internal sealed record TargetRelease(int Version, DateTimeOffset DecidedAt, string? Rollout = null)
{
    /// <summary>What the rollout's plan asked of each device; null for nothing.</summary>
    public ReleaseLimits? Limits { get; init; }

    /// <summary>Targets that one rollout moved together have this in common: a device has the releases of all, or of none.</summary>
    public string? Group { get; init; }
}

/// <summary>Holds one device on one release of a model, apart from every target. Stored under <see cref="IdOf"/>.</summary>
/// <param name="Device">The device.</param>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release number.</param>
/// <param name="CreatedAt">When it was set.</param>
internal sealed record Pin(DeviceId Device, string Model, int Version, DateTimeOffset CreatedAt)
{
    /// <summary>The id of a device's pin of a model.</summary>
    public static string IdOf(DeviceId device, string model) => $"{PrefixOf(device)}{model}";

    /// <summary>What the ids of a device's pins start with.</summary>
    public static string PrefixOf(DeviceId device) => $"{device}/";
}
