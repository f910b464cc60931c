using System.Text.Json.Serialization;

namespace Fleet.Contracts.Rollouts;

/// <summary>Where a rollout stands.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<RolloutStatus>))]
public enum RolloutStatus
{
    /// <summary>A wave is open.</summary>
    Running,
    /// <summary>Nobody is told before a second person has approved it.</summary>
    AwaitingApproval,
    /// <summary>No further device is told until it is resumed.</summary>
    Paused,
    /// <summary>Every wave finished.</summary>
    Succeeded,
    /// <summary>It stopped for good; devices that do not serve its release are told to keep what they serve.</summary>
    Aborted,
    /// <summary>It stopped for good and all its devices are returned to what they served before.</summary>
    RolledBack,
}

/// <summary>One device's part in a rollout.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<DeviceRolloutStatus>))]
public enum DeviceRolloutStatus
{
    /// <summary>It is still to be told: its turn has not come, or it failed and is to be told once more.</summary>
    Waiting,
    /// <summary>It was told, and has not finished.</summary>
    Running,
    /// <summary>It serves the release.</summary>
    Succeeded,
    /// <summary>It failed, or was silent past its deadline.</summary>
    Failed,
    /// <summary>It left without a verdict: revoked, pinned, or no longer selected. It counts for nothing.</summary>
    Left,
}

/// <summary>How far a device's return from a rollout is.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<DeviceReturnStatus>))]
public enum DeviceReturnStatus
{
    /// <summary>It was told to return, and has not said that it has.</summary>
    SentBack,
    /// <summary>It has what it had before.</summary>
    Returned,
    /// <summary>It could not return.</summary>
    NotReturned,
    /// <summary>It was told something newer in the meantime, which counts instead.</summary>
    Superseded,
}
