using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/targets: a standing target, and where its devices are.</summary>
public sealed record TargetView
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>Model name.</summary>
    public required string Model { get; init; }
    /// <summary>Which devices; empty for all.</summary>
    public string Filter { get; set; } = "";
    /// <summary>Of several targets that select a device the one of highest priority decides, of equals the one set last.</summary>
    public int Priority { get; init; }
    /// <summary>The release; null while the first rollout to these devices has not succeeded.</summary>
    public int? Version { get; init; }
    /// <summary>When that was decided.</summary>
    public DateTimeOffset? DecidedAt { get; init; }
    /// <summary>The rollout that brought the release; null when an operator set it.</summary>
    public string? Rollout { get; init; }
    /// <summary>The rollout that moves it now.</summary>
    public string? Moving { get; init; }
    /// <summary>Devices it decides for.</summary>
    public int Devices { get; init; }
    /// <summary>Of these, devices that serve its release.</summary>
    public int Serving { get; init; }
    /// <summary>Of these, devices that could not serve it and serve what they had.</summary>
    public int Failed { get; init; }
    /// <summary>Devices it selects that a pin of its model holds apart.</summary>
    public int Pinned { get; init; }
    /// <summary>Devices it selects and does not decide for, or that could not take its release, by reason.</summary>
    public IReadOnlyList<RolloutExclusion> Excluded { get; set; } = [];
}

/// <summary>PUT /api/v1/targets/{name}: what its devices serve from now on, at once and without waves.</summary>
public sealed record SetTargetRequest
{
    /// <summary>Model name.</summary>
    public required string Model { get; init; }
    /// <summary>Release number.</summary>
    public required int Version { get; init; }
    /// <summary>Which devices; empty for all.</summary>
    public string Filter { get; set; } = "";
    /// <summary>Its priority; null keeps the one it has, 0 at first.</summary>
    public int? Priority { get; init; }
    /// <summary>True to go back to an older release than the target has.</summary>
    public bool AllowOlder { get; init; }
}

/// <summary>GET /api/v1/pins: a device held on a release of a model, apart from every target.</summary>
public sealed record PinView(DeviceId Device, string Model, int Version, DateTimeOffset CreatedAt);

/// <summary>PUT /api/v1/pins/{device}/{model}.</summary>
public sealed record SetPinRequest(int Version);
