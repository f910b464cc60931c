using Fleet.Contracts.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Targets;

/// <summary>Reads of targets that several rooms need.</summary>
internal static class TargetQueries
{
    /// <summary>Every target. There are few: a filter is a decision of a person.</summary>
    public static async Task<IReadOnlyList<Target>> TargetsAsync(this IFleetStore store, CancellationToken cancellationToken)
        => await store.AllAsync<Target>("", cancellationToken).Select(stored => stored.Document).ToListAsync(cancellationToken);

    /// <summary>The target of a model and filter, or null.</summary>
    public static async Task<Stored<Target>?> TargetOfAsync(
        this IFleetStore store, string model, string filter, CancellationToken cancellationToken)
        => await store.AllAsync<Target>("", cancellationToken).FirstOrDefaultAsync(
            stored => stored.Document.Model == model && stored.Document.Filter == filter, cancellationToken);

    /// <summary>The pins of a device.</summary>
    public static async Task<IReadOnlyList<Pin>> PinsAsync(this IFleetStore store, DeviceId device, CancellationToken cancellationToken)
        => await store.AllAsync<Pin>(Pin.PrefixOf(device), cancellationToken).Select(stored => stored.Document)
            .ToListAsync(cancellationToken);

    /// <summary>The pins of a device, of some models.</summary>
    public static async Task<IReadOnlyList<Pin>> PinsAsync(
        this IFleetStore store, DeviceId device, IEnumerable<string> models, CancellationToken cancellationToken)
    {
        var pins = new List<Pin>();
        foreach (var model in models)
            if (await store.PinAsync(device, model, cancellationToken) is { } pin) pins.Add(pin);
        return pins;
    }

    /// <summary>The pin of a device and model, or null.</summary>
    public static async Task<Pin?> PinAsync(
        this IFleetStore store, DeviceId device, string model, CancellationToken cancellationToken)
        => (await store.FindAsync<Pin>(Pin.IdOf(device, model), cancellationToken))?.Document;
}
