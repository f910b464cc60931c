using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// A room that follows what devices report. Its changes go into the same commit as the report itself, before the device gets its
/// acknowledgement; so a device that was told "stored" is never asked again, and what the room concluded is never missing.
/// </summary>
internal interface IReportedStateObserver
{
    /// <summary>
    /// What changes with this report. Called anew when somebody else changed one of the documents in between, so it must read
    /// what it changes from the store each time. Short: the device's connection waits.
    /// </summary>
    Task<IReadOnlyList<StoreChange>> ObserveAsync(DeviceId device, ReportedState reported, CancellationToken cancellationToken);

    /// <summary>The report and the changes are on disk. For waking up others; must not block or throw.</summary>
    void Committed(DeviceId device);
}
