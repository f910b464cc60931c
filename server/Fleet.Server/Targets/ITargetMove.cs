using Fleet.Contracts.Devices;

namespace Fleet.Server.Targets;

/// <summary>What moves targets from release to release: rollouts, which this room must not know.</summary>
internal interface ITargetMove
{
    /// <summary>
    /// Looks at one device after it changed and after it was told what its targets say: it may have to leave a move, or to join one.
    /// May be called any number of times.
    /// </summary>
    Task MeetAsync(DeviceId device, CancellationToken cancellationToken);

    /// <summary>When the latest move was ordered; null before the first.</summary>
    Task<DateTimeOffset?> LatestAsync(CancellationToken cancellationToken);
}
