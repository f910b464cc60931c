using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Rollouts;

/// <summary>Devices that a rollout's filter selected and the rollout left out.</summary>
/// <param name="Reason">Why, in a sentence.</param>
/// <param name="Devices">How many.</param>
/// <param name="Examples">The first of them by name.</param>
public sealed record RolloutExclusion(string Reason, int Devices, IReadOnlyList<DeviceId> Examples);
