using Fleet.Contracts.Devices;
using Fleet.Server.Http;

namespace Fleet.Server.Artifacts;

/// <summary>
/// Says how much a device may fetch: the room of rollouts, whose plans have budgets of bytes and which this one must not know.
/// </summary>
internal interface IArtifactMeter
{
    /// <summary>After how many seconds a device may ask again that hears 503.</summary>
    const string RetrySeconds = "2";

    /// <summary>
    /// Lets a download begin, or says why it may not: for good (403), or until others that are under way have sent less than they could
    /// (503).
    /// </summary>
    /// <param name="device">Who fetches.</param>
    /// <param name="use">What for.</param>
    /// <param name="bytes">Most bytes that the answer has.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<Answer<ArtifactGrant>> GrantAsync(DeviceId device, ArtifactUse use, long bytes, CancellationToken cancellationToken);
}
