using Fleet.Contracts.Devices;

namespace Fleet.Server.Artifacts;

/// <summary>Says who may fetch what: the room of releases, which this one must not know.</summary>
internal interface IArtifactAccess
{
    /// <summary>True when a release that the device is assigned names the artifact.</summary>
    Task<bool> MayFetchAsync(DeviceId device, string sha256, CancellationToken cancellationToken);
}
