using System.Text.Json.Serialization;

namespace Fleet.Contracts.Http;

/// <summary>What changed, as the events of the server say it.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<ChangeKind>))]
public enum ChangeKind
{
    /// <summary>A device: what it is, should run, reports, or whether it is connected.</summary>
    Device,
    /// <summary>A rollout, or a device's part in it.</summary>
    Rollout,
    /// <summary>A standing target.</summary>
    Target,
    /// <summary>A device that is held apart.</summary>
    Pin,
    /// <summary>A build.</summary>
    Build,
    /// <summary>A release.</summary>
    Release,
    /// <summary>Devices were heard, and may have sent telemetry.</summary>
    Telemetry,
    /// <summary>The audit trail.</summary>
    Audit,
}

/// <summary>Something that changed. It says no more: what it is now is read where it always is.</summary>
/// <param name="Kind">What.</param>
/// <param name="Id">Which; null where several may have changed.</param>
public sealed record ChangeView(ChangeKind Kind, string? Id = null);

/// <summary>What changed since the event before.</summary>
/// <param name="Changes">Each once.</param>
public sealed record ChangesView(IReadOnlyList<ChangeView> Changes);
