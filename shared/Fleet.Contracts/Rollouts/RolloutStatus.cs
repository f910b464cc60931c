using System.Text.Json.Serialization;

namespace Fleet.Contracts.Rollouts;

/// <summary>Where a rollout stands.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<RolloutStatus>))]
public enum RolloutStatus
{
    /// <summary>A wave is open.</summary>
    Running,
    /// <summary>No further device is told until it is resumed.</summary>
    Paused,
    /// <summary>Every wave finished.</summary>
    Succeeded,
    /// <summary>It stopped for good; devices keep what they have.</summary>
    Aborted,
    /// <summary>It stopped for good and its devices were sent back to what they had before.</summary>
    RolledBack,
}

/// <summary>One device's part in a rollout.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<DeviceRolloutStatus>))]
public enum DeviceRolloutStatus
{
    /// <summary>Its wave has not opened.</summary>
    Waiting,
    /// <summary>It was told, and has not finished.</summary>
    Running,
    /// <summary>It serves the release.</summary>
    Succeeded,
    /// <summary>It failed, or was silent past its deadline.</summary>
    Failed,
}
