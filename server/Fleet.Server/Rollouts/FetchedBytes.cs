using Fleet.Contracts.Devices;

namespace Fleet.Server.Rollouts;

/// <summary>
/// What was fetched for a rollout, as it is stored: under the rollout's id by its devices together, under <see cref="IdOf"/> by one.
/// </summary>
/// <param name="Bytes">Bytes that went out, resumed and repeated downloads as they were.</param>
internal sealed record FetchedBytes(long Bytes)
{
    /// <summary>Why it was refused more, the last time that it was; null when it never was.</summary>
    public string? Refused { get; init; }

    /// <summary>The id of what one device fetched.</summary>
    public static string IdOf(string rollout, DeviceId device) => DeviceRollout.IdOf(rollout, device);
}
