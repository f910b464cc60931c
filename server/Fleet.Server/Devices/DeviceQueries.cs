using Fleet.Contracts.Devices;
using Fleet.Server.Http;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>Reads of devices that several rooms need.</summary>
internal static class DeviceQueries
{
    /// <summary>The devices <paramref name="filter"/> selects, in order of id, revoked ones included.</summary>
    /// <param name="store">The store.</param>
    /// <param name="filter">The selection.</param>
    /// <param name="after">Only ids that sort after this one; null for all.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static IAsyncEnumerable<Stored<Device>> DevicesAsync(
        this IFleetStore store, DeviceFilter filter, string? after, CancellationToken cancellationToken)
    {
        // A device named by its id is one look-up, however large the fleet.
        var id = filter.Terms.FirstOrDefault(term => term.Key == "id").Value;
        return store.AllAsync<Device>(id ?? "", after, cancellationToken).Where(device => device.Document.IsSelectedBy(filter));
    }

    /// <summary>The device of that id, or null.</summary>
    public static Task<Stored<Device>?> DeviceAsync(this IFleetStore store, DeviceId id, CancellationToken cancellationToken)
        => store.FindAsync<Device>(id.Value, cancellationToken);

    /// <summary>
    /// The device of that id, or null: one that <paramref name="caller"/> does not see is answered like one that is not there.
    /// </summary>
    public static async Task<Stored<Device>?> DeviceAsync(
        this IFleetStore store, Caller caller, string id, CancellationToken cancellationToken)
        => await store.FindAsync<Device>(id, cancellationToken) is { } stored && stored.Document.IsSelectedBy(caller.Devices)
            ? stored
            : null;

    /// <summary>
    /// What a device should run, and the change that sets what it should run next: one document, whoever creates it.
    /// </summary>
    public static async Task<(DeviceDesired Desired, Func<DeviceDesired, StoreChange> Change)> DesiredAsync(
        this IFleetStore store, DeviceId id, CancellationToken cancellationToken)
        => await store.FindAsync<DeviceDesired>(id.Value, cancellationToken) is { } stored
            ? (stored.Document, stored.Change)
            : (DeviceDesired.Nothing, desired => StoreChange.Create(id.Value, desired));
}
